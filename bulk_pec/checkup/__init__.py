"""A check-up: whether everything a run needs is there, one finding at a time. It sends nothing.

| file | responsibility |
|---|---|
| findings.py | a finding and its verdict; how a check-up ends |
| settings.py | secrets, and what the token tells of itself |
| message.py | the templates: there, and compiling |
| database.py, disk.py | the ledger and what it stands on |
| archive.py | the archive of receipts, if one is wanted |
| hosts.py | are the services there, and what time is it with them |
| mailboxes.py | the token with both of them; each mailbox's state, expiry, credentials and room |
| checkup.py | all of it, in order |
"""
