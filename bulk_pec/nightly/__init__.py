"""The nightly job: recover, harvest, settle, send, and again while it helps. It is handed its parts by cli.

| file | responsibility |
|---|---|
| parts.py | what the job works with, and the rules it works by |
| done.py | what the steps did, for the report |
| inboxes.py, gauge.py | harvests, and settling after them; quotas, each reading kept |
| beside.py | harvests while messages leave |
| chores.py | what is done in the mailboxes after sending |
| timekeeper.py | when claims end: the window, ``--until``, ``--max-duration`` |
| waiting.py | ``--wait``: for the window, a cap's next period, room in the mailbox |
| canary.py | the first messages, and whether enough of them arrive for the rest to follow |
| start.py | the order of it all, the provider at hand |
| rounds.py | its frame: recovery before, the end after |
"""

from __future__ import annotations

from bulk_pec.nightly.done import Done
from bulk_pec.nightly.parts import CanaryRules, Limits, Parts, Provider, Rules
from bulk_pec.nightly.rounds import Rounds

__all__ = ["CanaryRules", "Done", "Limits", "Parts", "Provider", "Rounds", "Rules"]
