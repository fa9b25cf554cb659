"""Compare what a witness saw with what the engine says of it. Standard library only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNSENT_ROWS = frozenset({"invalid", "duplicate", "suppressed"})
STATES = (
    frozenset({"pending", "sending", "sent", "rejected", "in_doubt", "cancelled", "abandoned"}) | UNSENT_ROWS
)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What does not fit, each entry naming a reference or an input key. All empty is what was promised.

    Attributes:
        lost: The engine says sent and the witness never took it; or an input row has no known state.
        denied: The witness took it and the engine says it never left.
        duplicated: Taken more than once by the witness.
        unrecorded: Posted more often than the export counts attempts (invariant 1).
        unexpected: Posted with no reference, or with one that is not in the export.
        altered: Posted again with other content (invariant 8).
        in_doubt: The engine says it does not know.
    """

    lost: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    in_doubt: tuple[str, ...] = ()


def read_log(log: Path) -> list[dict[str, Any]]:
    """The witness's log. Every line ends in a line feed: one that does not was never finished."""
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    return [json.loads(line) for line in lines]


def verdicts(log: Path, exported: Iterable[Mapping[str, Any]], keys: Sequence[str]) -> Verdicts:
    """Judge a run.

    Args:
        log: The witness's log.
        exported: The rows of `bulk-pec export -o x.jsonl`, of every run that was sent to this witness.
        keys: The key of every input row, once for each row.
    """
    posts = read_log(log)
    posted = Counter(post["reference"] for post in posts)
    taken = Counter(post["reference"] for post in posts if post["taken"])
    rows = list(exported)
    by_reference = {row["reference"]: row for row in rows if row.get("reference")}
    missing = Counter(keys) - Counter(row["key"] for row in rows if row["state"] in STATES)
    return Verdicts(
        lost=_sorted(
            [
                *missing.elements(),
                *(r for r, row in by_reference.items() if row["state"] == "sent" and not taken[r]),
            ]
        ),
        denied=_sorted(r for r in taken if r in by_reference and by_reference[r]["state"] in _NEVER_LEFT),
        duplicated=_sorted(r for r, times in taken.items() if times > 1),
        unrecorded=_sorted(r for r, times in posted.items() if times > _attempts(by_reference.get(r))),
        unexpected=_sorted(str(r) for r in posted if r not in by_reference),
        altered=_sorted(_altered(posts)),
        in_doubt=_sorted(r for r, row in by_reference.items() if row["state"] in ("in_doubt", "sending")),
    )


_NEVER_LEFT = frozenset({"pending", "rejected", "cancelled"})


def _attempts(row: Mapping[str, Any] | None) -> int:
    return int(row["attempts"] or 0) if row else 0


def _altered(posts: Iterable[Mapping[str, Any]]) -> list[str]:
    """References that were posted with more than one content."""
    contents: dict[str, set[str]] = {}
    for post in posts:
        contents.setdefault(str(post["reference"]), set()).add(post["digest"])
    return [reference for reference, digests in contents.items() if len(digests) > 1]


def _sorted(entries: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted(map(str, entries)))
