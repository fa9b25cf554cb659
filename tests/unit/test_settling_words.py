"""`settle`'s flags: one decision at a time, and a flag of its own that acknowledges an older copy."""

from __future__ import annotations

import pytest

from bulk_pec.cli.settling import check_acknowledging, check_meant, decision_of
from bulk_pec.domain.errors import UsageError
from bulk_pec.ledger.outbox.doubts import Decision


def test_no_flag_decides_nothing() -> None:
    """Looking is no decision; each flag is one."""
    assert decision_of(sent=False, resend=False, abandon=False) is None
    assert decision_of(sent=False, resend=True, abandon=False) is Decision.RESEND


def test_acknowledging_stands_alone() -> None:
    """Beside a decision it is refused, so that nobody acknowledges while settling a doubt."""
    with pytest.raises(UsageError, match="--sent"):
        check_acknowledging(Decision.SENT)
    check_acknowledging(None)


def test_acknowledging_without_a_key_means_one_thing() -> None:
    """Whoever clears ambiguous deliveries does not let an older copy send by the way: that is refused."""
    with pytest.raises(UsageError, match="could mean either"):
        check_meant("avvisi", older_copy=True, ambiguous=2)
    check_meant("avvisi", older_copy=True, ambiguous=0)
    check_meant("avvisi", older_copy=False, ambiguous=2)
