"""Outbox: messages on their way: who may send, what was tried, what came of it, what may have left.

| file | responsibility |
|---|---|
| workers.py | sending processes, their leases and their dead |
| claims.py, canaries.py | blocks; the messages that go first |
| attempts.py, closings.py, returning.py | intents; outcomes, late ones too; what comes back to pending |
| paces.py, usage.py | slots and pauses; what counts against caps and budgets |
| doubts.py, twins.py | what may have left, and how that was settled; messages that left twice |
"""
