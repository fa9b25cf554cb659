"""Registry: what the registry of mailboxes said of our own, and what was asked of it.

| file | responsibility |
|---|---|
| registrations.py | our mailboxes, and the history of their states |
| changes.py | changes that are paid for: intents, and what came of them |
"""
