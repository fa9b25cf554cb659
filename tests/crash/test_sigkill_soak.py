"""SIGKILL at random moments of the real command, on SQLite and on Postgres: nothing twice, nothing lost.

`BULK_PEC_TEST_SOAK_KILLS` is the number of kills (6 without it), `BULK_PEC_TEST_SOAK_SEED` another throw
of the dice.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from dataclasses import dataclass, field

import pytest
from crash.harness import COMMAND_TIMEOUT, Answer, Engine, Witness
from support.verdicts import Verdicts, verdicts

KILLS = int(os.environ.get("BULK_PEC_TEST_SOAK_KILLS", "6"))
SEED = int(os.environ.get("BULK_PEC_TEST_SOAK_SEED", "20261101"))
ROWS = max(800, 100 * KILLS)
CONCURRENCY = 16
RUN = ("run", "avvisi.csv", "--name", "avvisi", "--yes", "--json")
STARTS_TO_SPARE = 60
"""How many starts beyond the kills may end early (75), waiting for a dead worker's lease."""
ASLEEP = 0.005
"""Seconds between two looks at the witness's log."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 + 20 * KILLS)]


@dataclass
class Siege:
    """The command, started again and again, and killed at moments drawn at random.

    Attributes:
        points: Counts of POSTs at which to kill; the last leaves a good part of the list to be sent, because
            only a later message lets the engine settle what did not leave.
        unsettled: Messages sending or in doubt after the last kill.
    """

    engine: Engine
    witness: Witness
    chance: random.Random
    points: list[int]
    unsettled: int = 0
    kills: list[str] = field(default_factory=list)

    def end(self) -> Answer:
        """Kill at every point, then let it end by itself."""
        for _ in range(len(self.points) + STARTS_TO_SPARE):
            answer = self._one_start()
            if answer is not None and answer.code != 75:
                return answer
        pytest.fail(
            f"no end after {STARTS_TO_SPARE} starts that were not killed; {self.engine.status('avvisi')}"
        )

    def _one_start(self) -> Answer | None:
        """Start it once; None if it was killed, else how it ended."""
        process = self.engine.start(*RUN)
        try:
            if not (self.points and self._reached(process)):
                return self.engine.ended(process)
        finally:
            process.kill()
            process.wait()
        self.points.pop(0)
        self._look_at_the_ledger()
        return None

    def _reached(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it is time to kill; False if the command ended before.

        It is time when the witness has counted enough; or, one time in four, at any moment before, so that
        loading, recovery and harvest are hit too.
        """
        enough = max(self.points[0], self.witness.posts() + 1)
        patience = self.chance.uniform(0.1, 2.5) if self.chance.random() < 0.25 else COMMAND_TIMEOUT
        self.kills.append(f"at {enough} posts, or after {patience:.3f} s")
        until = time.monotonic() + patience
        while self.witness.posts() < enough and time.monotonic() < until:
            if _ends_within(process, ASLEEP):
                return False
        return True

    def _look_at_the_ledger(self) -> None:
        """After a kill the invariants hold, and at most `concurrency` messages more are unsettled."""
        self.engine.check()
        answer = self.engine.call("status", "avvisi", "--json")
        if answer.code == 2:
            assert self.witness.posts() == 0, "the run is unknown and yet something was posted"
            return
        assert answer.code == 0, answer
        found = answer.document
        assert found["balanced"] is True, (found, self.kills)
        unsettled = found["messages"]["sending"] + found["messages"]["in_doubt"]
        assert unsettled <= self.unsettled + CONCURRENCY, (found, self.kills)
        self.unsettled = unsettled


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ends by itself in that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_killed_at_random_moments_sends_each_message_once(engine: Engine, witness: Witness) -> None:
    """However often it is killed, the command ends with every row sent, once, and nothing in doubt.

    If only doubts are left at the end with no later message to settle them by, another small run brings
    one, as the operator's next mailing would.
    """
    keys = engine.write_list("avvisi", ROWS)
    chance = random.Random(SEED)  # noqa: S311 - when to kill is no secret
    points = sorted(chance.sample(range(1, ROWS * 85 // 100), KILLS))
    siege = Siege(engine, witness, chance, points)
    answer, runs = siege.end(), ["avvisi"]
    if answer.code == 3:
        keys += engine.write_list("coda", 3)
        runs.append("coda")
        assert engine.call("run", "coda.csv", "--yes", "--json").code == 0
        answer = siege.end()
    assert answer.code == 0, (answer, siege.kills)
    assert siege.points == [], "it ended before it was killed as often as it should have been"
    found = verdicts(witness.log, engine.exported(runs), keys)
    assert found == Verdicts(), (SEED, siege.kills)
    status = engine.status("avvisi")
    assert (status["state"], status["messages"]["sent"], status["balanced"]) == ("finished", ROWS, True)


def test_finished_run_started_again_posts_nothing(engine: Engine, witness: Witness) -> None:
    """A run that is finished ends at once when started again, with the same sums and 0 POSTs."""
    engine.write_list("avvisi", 50)
    assert engine.call(*RUN).code == 0
    before, posts = engine.status("avvisi"), witness.posts()
    assert posts == 50
    again = engine.call(*RUN)
    assert (again.code, again.document["exit"]["reason"]) == (0, "complete")
    assert witness.posts() == posts
    for part in ("state", "rows", "messages", "delivery", "attempts"):
        assert engine.status("avvisi")[part] == before[part]
