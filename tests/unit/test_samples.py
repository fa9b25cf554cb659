"""The sample list: reproducible, harmless, and with the cases its README promises."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jinja2
import pytest

from bulk_pec.sandbox.fates import DELIVERED, fate_of

SAMPLES = Path(__file__).parents[2] / "samples"
LIST = SAMPLES / "avvisi.csv"
PROMISED = {"mancata": 6, "rifiutata": 4, "non-accettata": 3, "errore-500": 2, "taglio-dopo": 2}
EXAMPLE_DOMAIN = re.compile(r"(\.example|\bexample\.(com|net|org))$")
PLAIN_ADDRESS = re.compile(r"[a-z0-9.-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")


def make(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the README says."""
    command = [sys.executable, str(SAMPLES / "make_sample.py"), "-o", str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """The committed list, as text."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def passes_check(code: str) -> bool:
    """Luhn's check over all eleven digits, written apart from the script's."""
    digits = [int(digit) for digit in code]
    weighed = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(digits)]
    return len(digits) == 11 and sum(weighed) % 10 == 0


def test_script_makes_the_committed_bytes(tmp_path: Path) -> None:
    """Running the script again gives exactly the list that is committed."""
    assert make(tmp_path / "again.csv").returncode == 0
    assert (tmp_path / "again.csv").read_bytes() == LIST.read_bytes()


def test_other_sizes_keep_the_deliberate_cases(tmp_path: Path) -> None:
    """Any list the script makes holds all cases; one too short for them is refused with a sentence."""
    assert make(tmp_path / "small.csv", "--rows", "40").returncode == 0
    text = (tmp_path / "small.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 41
    assert {word: text.count(f",{word}.") for word in PROMISED} == PROMISED
    refused = make(tmp_path / "tiny.csv", "--rows", "39")
    assert refused.returncode == 2
    assert "at least 40" in refused.stderr
    assert not (tmp_path / "tiny.csv").exists()


def test_every_address_is_on_an_example_domain(rows: list[dict[str, str]]) -> None:
    """No row, not even a broken one, names a domain that could belong to somebody (RFC 2606)."""
    assert [row["pec"] for row in rows if not EXAMPLE_DOMAIN.search(row["pec"])] == []


def test_steering_local_parts_are_as_many_as_promised(rows: list[dict[str, str]]) -> None:
    """The rows that steer the sandbox are counted in the README; all others have an ordinary local part."""
    words = [word for row in rows for word in PROMISED if row["pec"].startswith(f"{word}.")]
    assert Counter(words) == PROMISED
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert {word: f"| {count} | `{word}` |" in readme for word, count in PROMISED.items()} == dict.fromkeys(
        PROMISED, True
    )


def test_sandbox_acts_on_the_steering_local_parts_alone(rows: list[dict[str, str]]) -> None:
    """The sandbox has another fate for every row that steers it, and delivers all others."""
    steering = [row["pec"] for row in rows if row["pec"].startswith(tuple(PROMISED))]
    assert [row["pec"] for row in rows if fate_of(row["pec"]) != DELIVERED] == steering


def test_invalid_and_duplicate_rows_are_as_many_as_promised(rows: list[dict[str, str]]) -> None:
    """1,200 rows: 3 addresses that are none, each broken in its own way, and 2 numbers used before."""
    assert len(rows) == 1200
    broken = [row["pec"] for row in rows if not PLAIN_ADDRESS.fullmatch(row["pec"])]
    assert sorted((address.count("@"), address.count(" ")) for address in broken) == [(0, 0), (1, 1), (2, 0)]
    assert len(rows) - len({row["numero"] for row in rows}) == 2


def test_tax_codes_pass_their_check_and_are_nobodys(rows: list[dict[str, str]]) -> None:
    """Every tax code has a valid check digit and an issuing office that is no province's."""
    assert [row["codice_fiscale"] for row in rows if not passes_check(row["codice_fiscale"])] == []
    assert {row["codice_fiscale"][7:10] for row in rows} == {"999"}


def test_columns_hold_what_lists_usually_get_wrong(rows: list[dict[str, str]]) -> None:
    """Postcodes keep their leading zeros, amounts are Italian, names hold accents and quoted commas."""
    assert all(re.fullmatch(r"\d{5}", row["cap"]) for row in rows)
    assert any(row["cap"].startswith("0") for row in rows)
    assert all(re.fullmatch(r"\d{1,3}(\.\d{3})*,\d{2}", row["importo"]) for row in rows)
    assert any("." in row["importo"] for row in rows)
    assert any("," in row["denominazione"] for row in rows)
    assert any("è" in row["denominazione"] for row in rows)
    assert all(re.fullmatch(r"\d{2}/\d{2}/\d{4}", row["scadenza_pagamento"]) for row in rows)


def test_letter_needs_only_the_lists_columns(rows: list[dict[str, str]]) -> None:
    """The sample letter renders from a row alone, with every value in it and markup escaped."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    letter = environment.from_string((SAMPLES / "avviso.html.j2").read_text(encoding="utf-8"))
    row = {**rows[0], "denominazione": "Rossi <b> & C."}
    text = letter.render({name: value for name, value in row.items() if name != "pec"})
    assert "Rossi &lt;b&gt; &amp; C." in text
    for name in ("numero", "codice_fiscale", "comune", "cap", "importo", "scadenza_pagamento"):
        assert row[name] in text
