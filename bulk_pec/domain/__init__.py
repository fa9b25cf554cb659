"""The pure core: states, outcomes, receipts, references, errors. It knows no I/O and no clock.

| file | responsibility |
|---|---|
| states.py, settlements.py | how far a message and a run have come; how doubts end |
| outcomes.py | what one POST came to |
| receipts.py, subjects.py, causes.py | what a mail says of a message; why one was not delivered |
| references.py, twins.py | the token in every subject; what shows that a message left twice |
| letters.py, inbox.py, addresses.py | what leaves; what an inbox shows; when two addresses are the same |
| slots.py, caps.py | when a mailbox may send next; how much in a period, and at what cost |
| space.py, growth.py | how a mailbox fills, and by what |
| calendar.py | windows, days, periods |
| balance.py | rows, attempts and receipts must tell one story |
| registrations.py, registry_codes.py | a mailbox's states in the registry; the codes of its refusals |
| errors.py, exits.py | errors that end a command; exit codes and reasons |
| problems.py, words.py | what is wrong with a row; figures in words |
"""
