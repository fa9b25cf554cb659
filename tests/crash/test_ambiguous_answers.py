"""Answers that leave a doubt, without any kill: the engine settles them by evidence alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from crash.harness import Engine, running_witness
from support.verdicts import Verdicts, read_log, verdicts

ROWS = 400


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_lost_answers_are_settled_by_receipts(tmp_path: Path, ledger_url: str, order: str) -> None:
    """Taken, but the answer was lost or a 500: the receipt settles it, and nothing is posted again."""
    options = ("--lose", "0.03", "--error-after", "0.03", "--order", order, "--answer-delay-ms", "0:5")
    with running_witness(tmp_path / "log", *options) as witness:
        engine = Engine.settled(tmp_path, ledger_url, witness.url)
        keys = engine.write_list("avvisi", ROWS)
        assert engine.call("run", "avvisi.csv", "--yes", "--json").code == 0
        found = verdicts(witness.log, engine.exported(["avvisi"]), keys)
        assert found == Verdicts()
        assert witness.posts() == ROWS
        assert engine.status("avvisi")["delivery"]["delivered"] == ROWS


def test_refused_without_being_taken_is_sent_again_when_absence_is_accepted(
    tmp_path: Path, ledger_url: str
) -> None:
    """A 500 that took nothing leaves a doubt, which only a later message's receipt ends.

    Then, and only then, it is posted again with the same content. With no later message it stays in doubt.
    """
    with running_witness(tmp_path / "log", "--error-before", "0.05") as witness:
        engine = Engine.settled(tmp_path, ledger_url, witness.url)
        keys = engine.write_list("avvisi", ROWS)
        answer = engine.call("run", "avvisi.csv", "--yes", "--json")
        found = verdicts(witness.log, engine.exported(["avvisi"]), keys)
        assert answer.code == (3 if found.in_doubt else 0), answer
        refused = {post["reference"] for post in read_log(witness.log) if not post["taken"]}
        assert len(refused) > len(found.in_doubt)
        assert set(found.in_doubt) <= refused
        assert replace(found, in_doubt=()) == Verdicts()
