"""Twins: what shows that a message left twice, and what only looks like it."""

from __future__ import annotations

from bulk_pec.domain.subjects import message_id_of
from bulk_pec.domain.twins import Said, left_twice

A, B = "2020082610003492", "2020082610009999"


def _accepted(token: str | None, at: int | None = 1_000) -> Said:
    return Said(True, token, at)


def _delivered(token: str | None, at: int | None = 2_000) -> Said:
    return Said(False, token, at)


def test_one_sending_has_one_acceptance_and_any_number_of_deliveries() -> None:
    """Several addresses: one ACCETTAZIONE, a CONSEGNA for each, all with the same token."""
    assert not left_twice([_accepted(A), _delivered(A), _delivered(A, 3_000)], [A], given_up=False)


def test_two_acceptances_with_different_tokens_are_two_sendings() -> None:
    """Whatever the attempts say: another copy of the ledger may have sent it."""
    assert left_twice([_accepted(A), _accepted(B)], [], given_up=False)


def test_the_same_acceptance_listed_in_two_ways_is_one() -> None:
    """Its token decides, not how the provider writes its date."""
    assert not left_twice([_accepted(A, 1_000), _accepted(A, 1_999)], [A], given_up=True)


def test_without_tokens_the_time_decides() -> None:
    """Two acceptances at two times are two sendings; at one time, or at unreadable ones, they are not."""
    assert left_twice([_accepted(None, 1), _accepted(None, 2)], [], given_up=False)
    assert left_twice([_accepted(A, 1), _accepted(None, 2)], [], given_up=False)
    assert not left_twice([_accepted(None, 1), _accepted(None, 1)], [], given_up=False)
    assert not left_twice([_accepted(None, None), _accepted(None, 2)], [], given_up=False)


def test_two_answers_that_say_taken_are_two_sendings() -> None:
    """A process that woke late says that the first attempt was taken too."""
    assert left_twice([], [A, B], given_up=True)
    assert left_twice([], [None, None], given_up=True)
    assert not left_twice([], [A], given_up=True)


def test_a_receipt_of_an_attempt_that_was_given_up() -> None:
    """It carries another token than the attempt that was answered, and only then is a twin."""
    assert left_twice([_delivered(A)], [B], given_up=True)
    assert not left_twice([_delivered(B)], [B], given_up=True)
    assert not left_twice([_delivered(None)], [B], given_up=True)


def test_a_token_that_differs_is_no_twin_where_nothing_was_given_up() -> None:
    """Nobody promised that the answer and the subject spell the token alike."""
    assert not left_twice([_accepted(A), _delivered(A)], [B], given_up=False)


def test_a_sending_that_was_not_accepted_never_left() -> None:
    """Its token and its answer show no second copy beside the sending that was accepted."""
    refused = Said(False, A, 1_000, refused=True)
    assert not left_twice([refused, _accepted(B), _delivered(B)], [B], given_up=True)
    assert not left_twice([refused, _accepted(B)], [A, B], given_up=True)
    assert left_twice([refused, _accepted(B), _delivered(A)], [B], given_up=True)


def test_a_token_cut_short_is_the_same_one() -> None:
    """The recipient's provider may have shortened the subject."""
    assert not left_twice([_delivered(B[:-3])], [B], given_up=True)


def test_the_token_is_the_whole_last_word_after_the_reference() -> None:
    """Anything else at a subject's end is no token; a number that may be the reference is none either."""
    reference = "0000000000000"
    assert message_id_of(f"ACCETTAZIONE: Avviso [rif. {reference}] {A}") == A
    assert message_id_of(f"ACCETTAZIONE: Avviso {A}") is None
    assert message_id_of(f"ACCETTAZIONE: Avviso [rif. {reference}] {A}x") is None
    assert message_id_of(f"ACCETTAZIONE: Avviso {reference}") is None
    assert message_id_of("") is None
