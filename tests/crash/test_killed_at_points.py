"""SIGKILL at every named point of the order of evidence, one after the other, in one run."""

from __future__ import annotations

import signal
import tomllib
from dataclasses import replace
from pathlib import Path

from crash.harness import Engine, Witness
from crash.killed import POINTS
from support.ledgers import open_ledger, query
from support.verdicts import Verdicts, read_log, verdicts

ROWS = 150
CONCURRENCY = 4
KILLED = str(Path(__file__).with_name("killed.py"))
RUN = ("run", "avvisi.csv", "--yes", "--json")
STARTS = 10
_UNSETTLED = {"sending", "in_doubt"}


def outlive_leases(engine: Engine) -> None:
    """As if the dead processes' leases had run out long ago (Postgres; on SQLite the lock is the lease)."""
    with open_ledger(_url(engine)) as ledger, ledger.database.transaction() as connection:
        ledger.database.execute(connection, "UPDATE workers SET expires_at = 1 WHERE ended_at IS NULL")


def _url(engine: Engine) -> str:
    config = tomllib.loads((engine.home / "config.toml").read_text(encoding="utf-8"))
    return str(config["ledger"]["url"])


def kill_at(engine: Engine, point: str, number: int) -> None:
    """Start the command; it must die at the point, not end by itself."""
    armed = replace(engine, program=(KILLED, point, str(number)))
    answer = armed.call(*RUN)
    assert answer.code == -signal.SIGKILL, (point, answer)
    outlive_leases(engine)


def look(engine: Engine, witness: Witness, point: str, unsettled: int) -> int:
    """What must hold after a kill; how many messages are unsettled now.

    Every POST the witness saw has its attempt (invariant 1), and no more than `concurrency` messages a start
    are newly unsettled.
    """
    engine.check()
    with open_ledger(_url(engine), "read") as ledger:
        attempted = "SELECT DISTINCT m.reference FROM attempts a JOIN messages m ON m.id = a.message"
        known = {row["reference"] for row in query(ledger, attempted)}
        states = [row["state"] for row in query(ledger, "SELECT state FROM messages")]
    assert {post["reference"] for post in read_log(witness.log)} <= known, point
    now = sum(state in _UNSETTLED for state in states)
    assert now <= unsettled + CONCURRENCY, (point, now)
    return now


def test_killed_at_every_point_sends_each_message_once(
    tmp_path: Path, ledger_url: str, witness: Witness
) -> None:
    """Whatever the point, the next start knows what may have left; in the end each row is taken once."""
    engine = Engine.settled(tmp_path, ledger_url, witness.url, concurrency=CONCURRENCY)
    keys = engine.write_list("avvisi", ROWS)
    unsettled = 0
    for number, point in enumerate(POINTS):
        kill_at(engine, point, 1 + number % 3 if "intent" in point or "byte" in point else 1)
        unsettled = look(engine, witness, point, unsettled)
    for _ in range(STARTS):
        answer = engine.call(*RUN)
        if answer.code != 75:
            break
    assert answer.code == 0, answer
    engine.check()
    assert verdicts(witness.log, engine.exported(["avvisi"]), keys) == Verdicts()
