"""Runs: what was loaded, where each stands, and what operators ordered of it.

| file | responsibility |
|---|---|
| runs.py, counts.py | what was loaded and where it stands; the counters, kept where they change |
| loading.py, retries.py | a list becomes a run; so do the failures of another |
| repeats.py, suppressions.py | what was said before; who is never written to |
| answers.py | what paid look-ups said |
| orders.py, control.py | what operators ordered, as rows; as files beside a SQLite ledger |
"""
