"""Outcomes and states: what a verdict makes of a message."""

from __future__ import annotations

import pytest

from bulk_pec.domain.letters import Attachment, Letter, Mailbox, Secret
from bulk_pec.domain.outcomes import MAY_TRY_AGAIN, Outcome, Verdict, state_after
from bulk_pec.domain.states import MessageState

AFTER = {
    Verdict.SENT: MessageState.SENT,
    Verdict.REJECTED: MessageState.REJECTED,
    Verdict.NOT_SENT: MessageState.PENDING,
    Verdict.THROTTLED: MessageState.PENDING,
    Verdict.REFUSED: MessageState.PENDING,
    Verdict.IN_DOUBT: MessageState.IN_DOUBT,
}


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_moves_its_message(verdict: Verdict) -> None:
    """The transitions b to e are total: each verdict has its state."""
    assert state_after(verdict) is AFTER[verdict]


@pytest.mark.parametrize("verdict", Verdict)
def test_only_what_was_not_taken_may_be_tried_again(verdict: Verdict) -> None:
    """Another attempt may follow exactly where the message is pending again (invariant 3)."""
    assert (verdict in MAY_TRY_AGAIN) is (state_after(verdict) is MessageState.PENDING)


@pytest.mark.parametrize(
    ("verdict", "retry_after", "pauses"),
    [
        (Verdict.THROTTLED, None, True),
        (Verdict.THROTTLED, 0.0, True),
        (Verdict.IN_DOUBT, None, False),
        (Verdict.IN_DOUBT, 30.0, True),
        (Verdict.SENT, None, False),
        (Verdict.NOT_SENT, None, False),
    ],
)
def test_what_pauses_a_mailbox(verdict: Verdict, retry_after: float | None, pauses: bool) -> None:
    """429 always, 503 when it names a time, nothing else."""
    assert Outcome(verdict, "", retry_after=retry_after).pauses is pauses


def test_secrets_and_content_do_not_show_themselves() -> None:
    """No repr, str or f-string holds a password, an address, a subject, a body or a file."""
    box = Mailbox("ufficio@example.com", Secret("user-77"), Secret("s3cret"))
    letter = Letter(
        ("mario@example.org",), "Avviso", "<p>Caro</p>", (Attachment("a.pdf", "x/y", "0", b"QUJD"),)
    )
    shown = f"{box} {box!r} {letter!r} {Secret('s3cret')} {Secret('s3cret')!r}"
    for hidden in ("s3cret", "user-77", "mario", "Avviso", "Caro", "QUJD"):
        assert hidden not in shown
    assert box.password.reveal() == "s3cret"
