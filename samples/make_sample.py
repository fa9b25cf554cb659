"""Make `avvisi.csv`: a realistic list of payment notices to invented Italian companies.

Usage: ``python samples/make_sample.py [--rows N] [-o PATH]``. Standard library only. The same number of
rows gives the same bytes on every machine with Python 3.11 or newer. Every address is on a domain reserved
for examples (RFC 2606: `.example`, `example.com`, `example.net`, `example.org`): nothing can reach anybody.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import date, timedelta
from pathlib import Path

ROWS = 1200
LEAST_ROWS = 40

STEERED = {"mancata": 6, "rifiutata": 4, "non-accettata": 3, "errore-500": 2, "taglio-dopo": 2}
"""Local parts the sandbox acts on, and how many rows get each."""
BROKEN = (("@", "@@"), ("-", " "), ("@", "."))
"""What becomes of three addresses: two @, a blank in the domain, no @. No list check may let them through."""
DUPLICATES = 2
"""Rows that repeat an earlier row's `numero`."""


def _words(text: str) -> list[str]:
    return text.split()


_SECTORS = _words("""
Edilizia Officine Idraulica Vetreria Falegnameria Carpenteria Tipografia Autotrasporti Panificio
Caseificio Cantina Frantoio Pastificio Torrefazione Salumificio Ferramenta Elettroforniture Termoimpianti
Autofficina Carrozzeria Lavanderia Tessitura Calzaturificio Conceria Oreficeria Ceramiche Marmi Serramenti
Arredamenti Cartotecnica Logistica Spedizioni Vivai Agriturismo Farmacia Ottica Libreria Caffè Meccanica
Utensileria
""")
_SURNAMES = _words("""
Rossi Bianchi Ferri Colombo Ricci Marino Greco Bruno Gallo Conti Costa Giordano Mancini Rizzo
Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli Martini Leone Longo Gentile
Martinelli Vitale Lombardo Serra Coppola Villa Conte Ferretti Sala Fabbri Bianco Marchetti Parisi Nicolò
Palumbo Valentini Pagano Piras Caputo Montanari D'Angelo D'Amico Guerra Sanna Farina Monti Orlando Testa
Grassi Basile Neri Cattaneo
""")
_FORMS = ("S.r.l.", "S.p.A.", "S.n.c.", "S.a.s.", "S.r.l.s.", "Soc. Coop.")
_OFFICES = _words("amministrazione contabilita info segreteria fatture direzione ufficio.legale pec")
_DOMAINS = ("pec.example", "posta.example", "pec.example.com", "pec.example.net", "pec.example.org")
_TOWNS = (
    ("Roma", "00184"),
    ("Viterbo", "01100"),
    ("Rieti", "02100"),
    ("Frosinone", "03100"),
    ("Latina", "04100"),
    ("Terni", "05100"),
    ("Perugia", "06121"),
    ("Sassari", "07100"),
    ("Nuoro", "08100"),
    ("Cagliari", "09124"),
    ("Torino", "10121"),
    ("Aosta", "11100"),
    ("Genova", "16121"),
    ("Milano", "20121"),
    ("Cantù", "22063"),
    ("Brescia", "25121"),
    ("Venezia", "30121"),
    ("Forlì", "47121"),
    ("L'Aquila", "67100"),
    ("Bari", "70121"),
    ("Napoli", "80133"),
    ("Reggio di Calabria", "89121"),
    ("Palermo", "90133"),
)
_ASCII = str.maketrans({"è": "e", "é": "e", "ì": "i", "ò": "o", "ù": "u", "à": "a", "'": None, " ": "-"})


@dataclass
class Notice:
    """One row. The field names are the columns."""

    numero: str
    pec: str
    denominazione: str
    codice_fiscale: str
    comune: str
    cap: str
    importo: str
    scadenza_pagamento: str


def check_digit(ten: str) -> str:
    """The eleventh digit of a company's tax code: Luhn's formula (DM 23 December 1976)."""
    doubled = (divmod(int(digit) * 2, 10) for digit in ten[1::2])
    total = sum(int(digit) for digit in ten[0::2]) + sum(tens + units for tens, units in doubled)
    return str(-total % 10)


def invented_tax_code(rng: random.Random) -> str:
    """A well-formed code that is nobody's: digits 8 to 10 name the issuing office; 999 is no province's."""
    ten = f"{rng.randrange(7_900_000, 8_000_000):07d}999"
    return ten + check_digit(ten)


def italian_amount(cents: int) -> str:
    """1234567 cents as people write it: ``12.345,67``."""
    euros, rest = divmod(cents, 100)
    return f"{euros:,}".replace(",", ".") + f",{rest:02d}"


def notice(number: int, rng: random.Random) -> Notice:
    """One well-formed row. `number` makes its `numero` and, with the name, its address unique."""
    sector, surname = rng.choice(_SECTORS), rng.choice(_SURNAMES)
    name, slug = f"{sector} {surname}", f"{sector}-{surname}".lower().translate(_ASCII)
    if rng.random() < 0.1:
        name = f"{name}, {rng.choice(_SURNAMES)} & C."
    town, postcode = rng.choice(_TOWNS)
    due = date(2026, 11, 30) + timedelta(days=rng.randrange(60))
    return Notice(
        numero=f"AV-2026-{number:07d}",
        pec=f"{rng.choice(_OFFICES)}@{slug}-{number}.{rng.choice(_DOMAINS)}",
        denominazione=f"{name} {rng.choice(_FORMS)}",
        codice_fiscale=invented_tax_code(rng),
        comune=town,
        cap=postcode,
        importo=italian_amount(rng.randrange(1_500, 2_500_000)),
        scadenza_pagamento=f"{due:%d/%m/%Y}",
    )


def notices(rows: int) -> Iterator[Notice]:
    """`rows` rows, at least `LEAST_ROWS`, with the deliberate cases strewn among them."""
    rng = random.Random(20261101)
    special = [word for word, count in STEERED.items() for _ in range(count)]
    places = rng.sample(range(1, rows), len(special) + len(BROKEN) + DUPLICATES)
    steered = dict(zip(places, special, strict=False))
    broken = dict(zip(places[len(special) :], BROKEN, strict=False))
    repeats = set(places[-DUPLICATES:])
    for number in range(1, rows + 1):
        row, place = notice(number, rng), number - 1
        if place in steered:
            row.pec = f"{steered[place]}.{row.pec}"
        elif place in broken:
            row.pec = row.pec.replace(*broken[place], 1)
        elif place in repeats:
            row.numero = "AV-2026-0000001"
        yield row


def write(path: Path, rows: int) -> None:
    """Write the list: UTF-8, comma separated, a header line, line feeds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([field.name for field in fields(Notice)])
        out.writerows(astuple(row) for row in notices(rows))


def main() -> None:
    """Read the command line and write the list."""
    parser = argparse.ArgumentParser(description="Write a sample list of payment notices.")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"how many rows (at least {LEAST_ROWS})")
    parser.add_argument("-o", dest="path", type=Path, default=Path(__file__).with_name("avvisi.csv"))
    arguments = parser.parse_args()
    if arguments.rows < LEAST_ROWS:
        parser.error(f"--rows must be at least {LEAST_ROWS}: the deliberate cases need the room")
    write(arguments.path, arguments.rows)


if __name__ == "__main__":
    main()
