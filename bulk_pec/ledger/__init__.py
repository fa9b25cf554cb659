"""The ledger: what was asked, what was tried, what is known. The only room that knows SQL.

| file | responsibility |
|---|---|
| ledger.py | the ledger as the other rooms see it: one object, its parts by noun |
| schema.py, migrate.py | the tables; creating, checking and upgrading a ledger |
| database.py | connections and transactions, the same on both databases |
| bulk.py | many rows by the driver's fastest way |
| lock.py | the one writing process of a SQLite file |
| runs.py, counts.py | what was loaded and where it stands; the counters, kept where they change |
| loading.py, retries.py | a list becomes a run; so do the failures of another |
| repeats.py, suppressions.py | what was said before; who is never written to |
| answers.py | what paid look-ups said |
| workers.py | sending processes, their leases and their dead |
| claims.py, canaries.py | blocks; the messages that go first |
| attempts.py, closings.py, returning.py | intents; outcomes, late ones too; what comes back to pending |
| paces.py, usage.py | slots and pauses; what counts against caps and budgets |
| inbox.py, mails.py, harvests.py | what walks read, recorded; mails; walks over a mailbox |
| folding.py, twins.py | receipts matched and folded into messages; messages that left twice |
| doubts.py | what may have left, and how that was settled |
| orders.py, control.py | what operators ordered, as rows; as files beside a SQLite ledger |
| views.py | figures and rows, to look at |
| checking.py, questions.py, copying.py | whether the promises hold, and what is asked; a whole copy |
"""
