"""Store: the database beneath a ledger: its tables, its connections, its one writer. Knows no message.

| file | responsibility |
|---|---|
| schema.py, tables.py, registry_tables.py | the tables; what they are made of; those of registrations |
| migrate.py | creating, checking and upgrading a ledger |
| database.py | connections and transactions, the same on both databases |
| failures.py | what a failure of it means, in words |
| facts.py | what the database says of itself |
| bulk.py | many rows by the driver's fastest way |
| lock.py | the one writing process of a SQLite file |
| copying.py | a whole copy, at one moment |
"""
