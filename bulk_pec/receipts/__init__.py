"""Receipts: reading the inbox, knowing what each mail is, settling what is in doubt, keeping the texts.

| file | responsibility |
|---|---|
| listing.py, calls.py | the provider's inbox at the rate we may ask; how the ledger is called |
| harvest.py, walk.py, ahead.py | walks over an inbox, reading ahead |
| figures.py, reading.py | what a page says of the box; one listed mail, read |
| settle.py | doubts, by a receipt or by an absence |
| errands.py | what is done in the mailboxes once they were read, in its order |
| texts.py, notices.py | one receipt's text, and only its own; why messages were not delivered |
| stragglers.py | messages without the receipts they should have, asked for one by one |
| archive.py, papers.py, chain.py | receipts' texts kept: as files, in a chain of hashes |
| verifying.py | whether an archive is whole, offline |
| clearing.py | what is archived and final, deleted from its mailbox |
"""
