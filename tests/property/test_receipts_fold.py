"""Receipts, whatever comes: any text is classified, and a fold knows no order and no repetition."""

from __future__ import annotations

from email.header import Header
from functools import reduce
from itertools import permutations

from hypothesis import example, given
from hypothesis import strategies as st

from bulk_pec.domain.inbox import InboxItem
from bulk_pec.domain.receipts import RECEIPTS, Evidence, ReceiptKind, classify
from bulk_pec.domain.states import Delivery
from bulk_pec.domain.subjects import decoded
from bulk_pec.receipts.reading import read

HOUR = 3_600_000
ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # lone surrogates and NUL included
PIECES = st.sampled_from(
    [
        "=?",
        "?=",
        "?Q?",
        "?B?",
        "utf-8",
        "=00",
        "=ED=A0=80",
        "CONSEGNA",
        ":",
        " ",
        "\r\n",
        "[rif. ",
        "\x00",
        "\ud800",
    ]
)
SUBJECTS = st.one_of(ANY_TEXT, st.lists(PIECES, max_size=12).map("".join))
RECEIPT = st.tuples(st.sampled_from(ReceiptKind), st.integers(-48 * HOUR, 96 * HOUR))


def _fold(receipts: list[tuple[ReceiptKind, int]]) -> Evidence:
    return reduce(lambda evidence, receipt: evidence.with_receipts([receipt]), receipts, Evidence())


@given(SUBJECTS, SUBJECTS)
def test_any_text_has_a_kind(subject: str, sender: str) -> None:
    """No subject and no sender is an error: one unknown mail must never stop an inbox."""
    text = decoded(subject)
    assert text == " ".join(text.split())
    assert classify(text, sender) in ReceiptKind


@given(SUBJECTS, SUBJECTS, SUBJECTS)
def test_what_is_read_can_be_stored(subject: str, sender: str, date: str) -> None:
    """No text of a mail holds NUL or half a surrogate pair once it is read: Postgres takes neither."""
    mail = read(InboxItem(subject, sender, subject, date, None))
    for text in (mail.item.item_id, mail.item.sender, mail.item.subject, mail.item.date):
        assert "\x00" not in text
        assert text.encode("utf-8").decode("utf-8") == text


@given(
    st.sampled_from(["CONSEGNA", "ACCETTAZIONE", "POSTA CERTIFICATA"]), st.text(st.characters(codec="utf-8"))
)
def test_the_kind_does_not_depend_on_our_subject(words: str, ours: str) -> None:
    """Whatever our subject says after the fixed words, the receipt is what its own words say."""
    encoded = Header(f"{words}: x", "utf-8").encode()
    assert classify(decoded(f"{words}: {ours}"), "") is classify(decoded(encoded), "")


@given(st.lists(RECEIPT, max_size=5))
@example([(ReceiptKind.LATE, 0), (ReceiptKind.LATE, -1)])
def test_a_fold_knows_no_order(receipts: list[tuple[ReceiptKind, int]]) -> None:
    """Receipts come in any order; what they amount to does not depend on it."""
    assert {_fold(list(order)) for order in permutations(receipts)} == {_fold(receipts)}


@given(st.lists(RECEIPT, max_size=8))
def test_a_fold_knows_no_repetition(receipts: list[tuple[ReceiptKind, int]]) -> None:
    """Receipts come twice; the second changes nothing."""
    once = _fold(receipts)
    assert _fold(receipts + receipts) == once
    assert all(once.with_receipts([receipt]) == once for receipt in receipts)


@given(st.lists(RECEIPT, max_size=8), st.integers(0, 96 * HOUR))
def test_a_delivery_wins(receipts: list[tuple[ReceiptKind, int]], at: int) -> None:
    """With a CONSEGNA anywhere among them the message is delivered."""
    assert _fold([*receipts, (ReceiptKind.DELIVERED, at)]).delivery is Delivery.DELIVERED


@given(st.lists(st.tuples(st.sampled_from(sorted(set(ReceiptKind) - RECEIPTS)), st.integers()), max_size=8))
def test_what_is_no_receipt_says_nothing(mails: list[tuple[ReceiptKind, int]]) -> None:
    """Foreign and unknown mail leaves no mark."""
    assert _fold(mails) == Evidence()
