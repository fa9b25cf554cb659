"""Sending: claim, pace, intent, POST, outcome; and stopping in good order.

| file | responsibility |
|---|---|
| engine.py, options.py | one process sends one run; what the caller asks of it, and gets back |
| source.py, writer.py | messages of claimed blocks, and those to be tried again; each becomes its letter |
| freight.py | letters with attachments wait until there is memory for them |
| boxes.py, room.py, space.py | which mailbox may send: at all, by caps and budget, by room for receipts |
| pace.py, timetable.py | when a message may leave; the ledger's slots, told on this loop's clock |
| poster.py, committer.py | one message on its way; intents and outcomes, committed together |
| lease.py, health.py, allowance.py | may this process send; is the provider ill; how many attempts are left |
| orders.py, stops.py | what operators ask; why claims end, and what may still leave |
| bell.py | wakes those who wait for a change |
"""
