"""A simulated provider: a real HTTP server on localhost, for the demo, tests and rehearsals.

It shares no code with the client, so that a mistake cannot hide on both sides. See docs/sandbox.md.

| file | responsibility |
|---|---|
| server.py, control.py, clock.py | the server; the paths that only tests have; its time |
| __main__.py, arguments.py, options.py | a process of its own; its command line; all that can be chosen |
| access.py | tokens, credentials, the wallet, the permitted rate |
| sending.py, submission.py, reading.py, enquiries.py | POST /send, and its body; GET and DELETE; look-ups |
| office.py, mailbox.py, mail.py | what takes messages and lets receipts come; an inbox; what lies in it |
| fates.py | what becomes of a message, by its recipient |
| replies.py, items.py, slips.py | answers as JSON; mail in them; the slips of the vendor's own samples |
| faults.py, wreckage.py | which requests go wrong; how that looks on the wire |
| registry.py, registry_rules.py, registry_replies.py | a mailbox's life; what POST /pec takes; the answers |
| registry_book.py, registry_entry.py, registry_papers.py | all mailboxes; one of them; its papers |
| registry_fates.py, registry_calls.py, registry_control.py | what comes of one; callbacks; the control path |
"""
