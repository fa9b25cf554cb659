"""Planning: what a run will take, before anything is sent. Pure but for the holidays' library.

| file | responsibility |
|---|---|
| holidays.py | Italian public holidays, as a look-up the calendar is handed |
| limits.py | what is to be sent, and everything that limits it |
| mailboxes.py | one mailbox on the way through a forecast: its pace, its caps, its space |
| walk.py | from stretch to stretch of the calendar: what is sent in each, and what stopped more |
| forecast.py | `forecast`: the walk, and which one limit binds |
| expiring.py | which messages expire before their turn |
| facts.py | what the plan is told of a list and its letters |
| wording.py | the forecast as a sentence |
| plan.py | the plan: its JSON document, its text |
"""

from __future__ import annotations

from bulk_pec.planning.expiring import expiring
from bulk_pec.planning.facts import Kind, LetterFacts, ListFacts, RowProblem
from bulk_pec.planning.forecast import Forecast, forecast, start_ends
from bulk_pec.planning.limits import Limit, MailboxLimits, Speed, Work
from bulk_pec.planning.plan import Plan, document, text
from bulk_pec.planning.wording import sentence

__all__ = [
    "Forecast",
    "Kind",
    "LetterFacts",
    "Limit",
    "ListFacts",
    "MailboxLimits",
    "Plan",
    "RowProblem",
    "Speed",
    "Work",
    "document",
    "expiring",
    "forecast",
    "sentence",
    "start_ends",
    "text",
]
