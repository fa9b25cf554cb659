"""Proof: what people look at: figures, stories, balances, invariants. Nothing is changed here.

A balance that was drawn is kept by `runs/`.

| file | responsibility |
|---|---|
| views.py | figures and rows, to look at |
| tracing.py, stories.py | which message a word means; all there is of one, or of a run |
| balances.py | rows, attempts and receipts of a run held against each other |
| checking.py, questions.py | whether the promises hold, and what is asked |
"""
