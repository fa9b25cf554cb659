"""The ledger: what was asked, what was tried, what is known. The only room that knows SQL.

`ledger.py` is the ledger as the other rooms see it: one object, its parts by noun. Behind it are six rooms,
each of which imports only those below it, and of the two in one line neither the other:

| room | what it knows |
|---|---|
| proof/ | figures, stories, balances, invariants; it changes nothing, but has `runs/` keep the last balance |
| inbox/ | mails, receipts, walks, and what they say of the messages; how full mailboxes are |
| outbox/ | workers, claims, attempts, limits, doubts |
| runs/, registry/ | runs, their rows and counters, orders; our own mailboxes, and what is paid for them |
| store/ | the tables, connections, transactions, the lock |
"""
