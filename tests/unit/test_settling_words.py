"""`settle`'s flags: one decision at a time, and a flag of its own that acknowledges an older copy."""

from __future__ import annotations

import pytest

from bulk_pec.cli.settling import check_acknowledging, decision_of
from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger.doubts import Decision


def test_no_flag_decides_nothing() -> None:
    """Looking is no decision; each flag is one."""
    assert decision_of(sent=False, resend=False, abandon=False) is None
    assert decision_of(sent=False, resend=True, abandon=False) is Decision.RESEND


@pytest.mark.parametrize(
    ("decision", "keys", "named"), [(Decision.SENT, [], "--sent"), (None, ["001"], "a key")]
)
def test_acknowledging_stands_alone(decision: Decision | None, keys: list[str], named: str) -> None:
    """Beside a decision or a key it is refused, so that nobody acknowledges while settling a doubt."""
    with pytest.raises(UsageError, match=named):
        check_acknowledging(decision, keys)
    check_acknowledging(None, [])
