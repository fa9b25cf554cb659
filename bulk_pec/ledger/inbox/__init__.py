"""Inbox: what walks over mailboxes read, and what it says of the messages.

| file | responsibility |
|---|---|
| inbox.py, mails.py, harvests.py | what walks read, recorded; mails; walks over a mailbox |
| sightings.py | the mails that pages show, held against those the ledger has |
| folding.py, folded.py | receipts matched and folded into messages |
| waiting.py | receipts without a reference, until their message_id is known |
| kept.py, causes.py, stragglers.py | receipts one by one; why not delivered; what lacks receipts |
| ambiguities.py | ambiguous deliveries, and what a person said of them |
| quotas.py | how full mailboxes were, and what receipts are still to add |
| archiving.py, clearing.py | what is archived; what is deleted from its mailbox |
"""
