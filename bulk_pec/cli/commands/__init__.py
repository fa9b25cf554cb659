"""The commands: one file each, with its options, its help and its answer.

| file | responsibility |
|---|---|
| init.py, doctor.py | a folder to begin with; is everything there that a run needs |
| plan.py, preview.py, test_send.py | the list and its letters before anything is sent |
| run.py, load.py, send.py, reconcile.py | the nightly job, and its parts |
| status.py, export.py | where a run stands; its rows |
| explain.py, dossier.py | one message's story; its evidence |
| settle.py, retry.py | doubts decided by hand; failures as a run of their own |
| pause.py, resume.py, cancel.py, suppress.py | what operators order |
| quota.py, ledger.py, archive.py | the mailboxes' room; the database; the receipts' texts |
| sandbox.py, demo.py | a simulated provider; everything with it, at once |

`mailbox/` is a room of its own.
"""
