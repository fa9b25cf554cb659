"""References: drawn at random, checked, and found again in whatever a provider makes of a subject."""

from __future__ import annotations

import pytest

from bulk_pec.domain.references import ALPHABET, LENGTH, draw, find, find_all, is_reference

SOME = draw(200)


def test_every_one_drawn_is_well_formed() -> None:
    """Thirteen characters of Crockford's alphabet, the last of which checks the others."""
    assert all(len(token) == LENGTH and set(token) <= set(ALPHABET) for token in SOME)
    assert all(map(is_reference, SOME))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_as_many_are_drawn_as_asked(count: int) -> None:
    """`draw(n)` gives n."""
    assert len(draw(count)) == count


def test_no_two_are_alike() -> None:
    """60 random bits: among two hundred thousand a repetition has a chance of one in 10^8."""
    many = draw(200_000)
    assert len(set(many)) == len(many)


def test_every_character_is_drawn_at_every_place() -> None:
    """No bit is fixed: each of the 32 characters comes at each of the 13 places."""
    many = draw(2_000)
    for place in range(LENGTH):
        assert {token[place] for token in many} == set(ALPHABET)


def test_every_wrong_character_is_caught() -> None:
    """One character replaced by any other, at any place, is no reference."""
    for token in SOME[:20]:
        for place in range(LENGTH):
            for char in set(ALPHABET) - {token[place]}:
                assert not is_reference(token[:place] + char + token[place + 1 :])


def test_almost_every_swap_of_neighbours_is_caught() -> None:
    """Luhn misses only the pair of first and last character of the alphabet."""
    for token in SOME:
        for place in range(LENGTH - 1):
            left, right = token[place], token[place + 1]
            swapped = token[:place] + right + left + token[place + 2 :]
            missed = left == right or {left, right} == {ALPHABET[0], ALPHABET[-1]}
            assert is_reference(swapped) is missed


def test_about_one_in_32_texts_would_pass() -> None:
    """Thirteen characters drawn without a check are taken for a reference once in 32 times."""
    guesses = [left[:6] + right[6:] for left, right in zip(draw(8_000), draw(8_000), strict=True)]
    assert 150 < sum(map(is_reference, guesses)) < 350


@pytest.mark.parametrize("text", ["", "0" * 12, "0" * 14, "O" * 13, "É" * 13, "00000000000 0"])
def test_other_texts_are_none(text: str) -> None:
    """Wrong length, or characters that are not in the alphabet."""
    assert not is_reference(text)


def test_all_noughts_are_one() -> None:
    """The check character of twelve noughts is a nought: a known value, reckoned by hand."""
    assert is_reference("0" * 13)
    assert is_reference("0000000000018"[:11] + "1" + ALPHABET[-2 % 32])


class TestFind:
    """Finding a reference in a subject."""

    @pytest.mark.parametrize(
        "form",
        [
            "{}",
            "ACCETTAZIONE: Avviso [rif. {}] 2020082610003492",
            "CONSEGNA: Avviso (rif. {}), grazie",
            "Re: [rif.{}]",
            "rif_{}",
            "«{}»",
            "però{}",
        ],
    )
    def test_whatever_stands_beside_it(self, form: str) -> None:
        """It is found as a whole token, between any other characters than ASCII letters and digits."""
        assert find(form.format(SOME[0])) == SOME[0]

    @pytest.mark.parametrize("form", ["x{}", "{}x", "1{}", "{}1", "Z{}Z"])
    def test_a_longer_token_is_not_it(self, form: str) -> None:
        """What is part of a longer word is not found, even if the word holds a reference."""
        assert find(form.format(SOME[0])) is None

    def test_lower_case_is_not_it(self) -> None:
        """Ours are written in capitals, and no provider is known to change that."""
        token = next(token for token in SOME if token != token.lower())
        assert find(f"rif. {token.lower()}") is None

    def test_the_last_one_counts(self) -> None:
        """Ours is appended to the subject, so one that the text itself holds stands before it."""
        assert find(f"Seguito a {SOME[0]} [rif. {SOME[1]}] 2020082610003492") == SOME[1]

    def test_a_wrong_one_after_it_does_not_count(self) -> None:
        """A token of the same shape with a wrong check character is skipped."""
        wrong = SOME[0][:-1] + next(char for char in ALPHABET if char != SOME[0][-1])
        assert find(f"[rif. {SOME[1]}] {wrong}") == SOME[1]

    @pytest.mark.parametrize("subject", ["", "Avviso", "2020082610003", "[rif. ]", "\x00\ud800"])
    def test_none_where_there_is_none(self, subject: str) -> None:
        """A subject without one; thirteen digits are one only if their check character fits."""
        assert find(subject) is None


class TestFindAll:
    """Every well-formed reference of a subject: which is ours, the ledger knows."""

    def test_an_id_that_passes_the_check_hides_nothing(self) -> None:
        """One in 32 ids of thirteen digits passes for a reference; ours before it is still found."""
        ids = [f"{number:013}" for number in range(2020082610000, 2020082699999, 97)]
        passing = [token for token in ids if is_reference(token)]
        assert passing
        for token in passing:
            assert find_all(f"ACCETTAZIONE: Avviso [rif. {SOME[0]}] {token}") == (SOME[0], token)

    def test_in_their_order(self) -> None:
        """As they stand in the subject, malformed ones left out, the last of them what `find` gives."""
        wrong = SOME[0][:-1] + next(char for char in ALPHABET if char != SOME[0][-1])
        subject = f"Re: {SOME[2]}, {wrong} {SOME[1]} [rif. {SOME[0]}] 2020082610003492"
        assert find_all(subject) == (SOME[2], SOME[1], SOME[0])
        assert find(subject) == SOME[0]

    @pytest.mark.parametrize("subject", ["", "Avviso", "[rif. ]"])
    def test_none(self, subject: str) -> None:
        """A subject without one gives none."""
        assert find_all(subject) == ()
