"""Which keys repeat, without a ledger."""

from __future__ import annotations

from pathlib import Path

from bulk_pec.recipients import Keys, ListOptions, Repeat, open_list


def test_repeated_keys_of_a_list_are_found(tmp_path: Path) -> None:
    """Each row that repeats a key, with the first that has it; an address as key is the same in any case."""
    path = tmp_path / "list.csv"
    path.write_text(
        "pec;n\na@x.example;1\nb@x.example;2\nA@X.example;3\nrotto;4\n"
        "b@x.example;5\nA@x.EXAMPLE ;6\nc@x.example;7\n",
        encoding="utf-8",
    )
    keys = Keys()
    for batch in open_list(path, ListOptions()).batches(2):
        keys.add(batch.rows)
    found = keys.repeats()
    assert len(found) == 3
    assert list(found) == [Repeat(3, 1), Repeat(5, 2), Repeat(6, 1)]
    assert [repeat.first for repeat in found] == [1, 2, 1]


def test_a_list_without_rows_repeats_nothing() -> None:
    """Nor does one whose batches are empty."""
    keys = Keys()
    assert list(keys.repeats()) == []
    keys.add([])
    assert len(keys.repeats()) == 0


def test_a_hundred_thousand_repeats_are_sixteen_bytes_each() -> None:
    """What is kept is hashes and numbers, not keys."""
    keys = Keys()
    for start in range(0, 100_000, 10_000):
        keys.add([(n + 1, f"k{n % 10}", "a@x.example", "[]") for n in range(start, start + 10_000)])
    assert sum(part.estimated_size() for part in keys._parts) <= 16 * 100_000
    assert len(keys.repeats()) == 99_990
