"""The command line: the only room that wires the others together. Each command has its file in `commands/`.

What they share:

| file | responsibility |
|---|---|
| main.py, command.py | the program; common options, and how an error becomes an exit code |
| session.py, streams.py | one call of one command; stdout and stderr |
| signals.py, obeying.py | what a signal does, and while messages leave |
| consent.py, identity.py, names.py | a yes at the terminal; who gives an order; what a run may be called |
| wiring.py, policy.py | from a configuration to the parts, and to how doubts are settled |
| job.py | the nightly job with them, and its report |
| rehearsing.py, forecasting.py, progress.py | `--dry-run`; what is still to come; the bar |
| loading.py, enquiring.py | a list into the ledger; look-ups |
| unchanged.py | whether a run goes on with what it was loaded with |
| proofreading.py | rows and letters checked batch by batch |
| examining.py, examination.py, findings.py | a plan: the reading, what it counts, what it finds |
| space.py | room in the mailboxes |
| registrar.py | what the mailbox commands share |
| changing.py, paying.py | the one request that changes a mailbox; the same where it costs, with its intent |
| validity.py, vigil.py | what ends before a run does; work that lasts until a signal |
| picking.py | one row of a list |
| asking.py, evidence.py | one message by any word; what a dossier is made from |
| ordering.py, settling.py, retrying.py | orders; decisions on doubts; failures loaded again |
"""
