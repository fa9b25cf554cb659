"""How doubts end."""

from __future__ import annotations

from enum import StrEnum


class Settlement(StrEnum):
    """How an attempt in doubt ended; the words that the ledger keeps (`attempts.settlement`)."""

    RECEIPT = "receipt"
    """A receipt shows that it left."""
    ABSENCE = "absence"
    """Nothing of it was found where it should have been: a finding, not a proof."""
    LATE_ANSWER = "late_answer"
    """Its own answer came after all."""
    OPERATOR = "operator"
    """The operator decided."""
    POLICY = "policy"
    """Sent again without evidence, as configured."""
