"""What a canary says: good, bad, or open."""

from __future__ import annotations

import pytest

from bulk_pec.ledger.outbox.canaries import Canary, CanaryState
from bulk_pec.nightly.canary import Verdict, judge


@pytest.mark.parametrize(
    ("size", "delivered", "lost", "share", "verdict"),
    [
        (10, 9, 0, 0.9, Verdict.GOOD),
        (10, 9, 1, 0.9, Verdict.GOOD),
        (10, 8, 1, 0.9, Verdict.OPEN),
        (10, 8, 2, 0.9, Verdict.BAD),
        (10, 0, 1, 0.9, Verdict.OPEN),
        (10, 0, 2, 0.9, Verdict.BAD),
        (3, 2, 0, 0.9, Verdict.OPEN),
        (3, 2, 1, 0.9, Verdict.BAD),
        (3, 3, 0, 1.0, Verdict.GOOD),
        (3, 0, 3, 0.0, Verdict.GOOD),
        (10, 3, 7, 0.3, Verdict.GOOD),  # 0.3 is not 0.30000000000000004
        (0, 0, 0, 0.9, Verdict.GOOD),
    ],
)
def test_the_share_decides(size: int, delivered: int, lost: int, share: float, verdict: Verdict) -> None:
    """Good once the share is there; bad once it cannot come any more; open in between. Reckoned exactly."""
    assert judge(Canary(CanaryState.WAITING, 0, size, 0, delivered, lost), share) is verdict
