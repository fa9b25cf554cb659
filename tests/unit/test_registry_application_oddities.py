"""What is only suspicious in an application: told before anybody says yes, and no reason to refuse."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.applications import applied, told, warnings

from bulk_pec.registry.persons import TaxCode

PERSON, WOMAN, ABROAD = "BNCMRA82D11X999L", "BNCMRA82D51X999P", "BNCMRA82D11Z100P"
COMPANY: dict[str, Any] = {"denominazione_titolare": "Esempio S.r.l.", "cf_piva_titolare": "12345679992"}
CALLBACK: dict[str, Any] = {"url": "https://www.example.com/pec", "field": "data"}


def odd(local: bool = True, test_host: bool = False, **changes: object) -> dict[str, str]:
    """The lines by field of what is suspicious."""
    return told(warnings(applied(**changes), local=local, test_host=test_host))


def test_nothing_is_odd_about_an_ordinary_one() -> None:
    """A private person's and a company's."""
    assert odd() == {}
    assert odd(tipo_cliente="IM", sottotipo_cliente="SI", **COMPANY) == {}


def test_the_person_is_compared_with_the_tax_code() -> None:
    """Day of birth, sex, and whether the birthplace is in Italy; each may have been mistyped."""
    assert odd(data_nascita_richiedente="12/04/1982").keys() == {"data_nascita_richiedente"}
    assert odd(data_nascita_richiedente="11/04/1992").keys() == {"data_nascita_richiedente"}
    assert odd(sesso_richiedente="f").keys() == {"sesso_richiedente"}
    assert odd(codice_fiscale_richiedente=WOMAN).keys() == {"sesso_richiedente"}
    assert odd(codice_fiscale_richiedente=WOMAN, sesso_richiedente="F") == {}
    assert odd(codice_fiscale_richiedente=ABROAD).keys() == {"nazione_nascita_richiedente"}
    assert odd(codice_fiscale_richiedente=ABROAD, nazione_nascita_richiedente="AL") == {}
    line = odd(data_nascita_richiedente="12/04/1982")["data_nascita_richiedente"]
    assert PERSON not in line


def test_a_tax_code_of_digits_is_hardly_a_persons() -> None:
    """It may be a provisional one, so it is let through, and nothing is compared with it."""
    assert odd(codice_fiscale_richiedente="12345679992").keys() == {"codice_fiscale_richiedente"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (PERSON, TaxCode(82, 4, 11, "M", abroad=False)),
        (WOMAN.lower(), TaxCode(82, 4, 11, "F", abroad=False)),
        (ABROAD, TaxCode(82, 4, 11, "M", abroad=True)),
        ("BNCMRAUNDMMX999W", TaxCode(82, 4, 11, "M", abroad=False)),
        ("12345679992", None),
    ],
)
def test_a_tax_code_is_read(text: str, code: TaxCode | None) -> None:
    """Women's days are 40 more; letters may stand for digits (omocodia)."""
    assert TaxCode.read(text) == code


def test_a_tax_code_tells_no_century() -> None:
    """Somebody of 1926 and somebody of 2026 have the same two digits."""
    code = TaxCode(26, 2, 28, "F", abroad=False)
    assert code.is_of_day(date(1926, 2, 28))
    assert code.is_of_day(date(2026, 2, 28))
    assert not code.is_of_day(date(2026, 3, 28))


def test_a_clients_subtype_and_holder() -> None:
    """Without them the mailbox may come to belong to the wrong one."""
    assert odd(tipo_cliente="IM", **COMPANY).keys() == {"sottotipo_cliente"}
    assert odd(tipo_cliente="A").keys() == {"denominazione_titolare", "cf_piva_titolare"}
    assert odd(tipo_cliente="PS", sottotipo_cliente="X").keys() == {"sottotipo_cliente_altro"}
    assert odd(tipo_cliente="PS", sottotipo_cliente="X", sottotipo_cliente_altro="geometra") == {}
    line = odd(sottotipo_cliente_altro="geometra")["sottotipo_cliente_altro"]
    assert '"geometra" is given without need' in line


def test_a_province_that_does_not_go_with_its_nation() -> None:
    """EE in Italy, or an Italian province abroad; of the birthplace, since a holder's is a fault."""
    assert odd(provincia_nascita_richiedente="EE").keys() == {"provincia_nascita_richiedente"}
    abroad: dict[str, Any] = {"nazione_nascita_richiedente": "AL", "codice_fiscale_richiedente": ABROAD}
    assert odd(provincia_nascita_richiedente="BA", **abroad).keys() == {"provincia_nascita_richiedente"}
    assert odd(provincia_nascita_richiedente="EE", **abroad) == {}
    swiss: dict[str, Any] = {"nazione_titolare": "CH", "cap_titolare": "6900"}
    assert odd(provincia_titolare="VA", **swiss).keys() == {"provincia_titolare"}


def test_domains_that_are_nearly_the_vendors() -> None:
    """On the live host a slip of the pen; on a test host what it says that it does not take."""
    assert "Was pecmassiva.com meant?" in odd(casella_pec="a@pecmasiva.com")["casella_pec"]
    assert odd(casella_pec="a@pec.esempio.example") == {}
    assert "may be refused" in odd(test_host=True)["casella_pec"]
    assert odd(test_host=True, casella_pec="a@testcert.legalmail.it") == {}


def called(url: str, *, local: bool = False, **more: object) -> list[str]:
    """What is odd about a callback, by its lines; nothing else may be."""
    found = odd(local=local, email="anna@posta.it", callback={**CALLBACK, "url": url, **more})
    assert all(name.startswith("callback.") for name in found)
    return list(found.values())


def test_callbacks_that_reach_nobody_or_tell_too_much() -> None:
    """What the registry cannot reach, plain HTTP, a password in the address, no name for the form field."""
    assert called("https://www.example.com/pec") == []
    hosts = ("localhost", "127.0.0.1:8080", "[::1]", "192.168.1.2", "server", "pec.local")
    for host in hosts:
        (line,) = called(f"https://{host}/pec")
        assert "cannot reach from outside" in line
        assert called(f"http://{host}/pec", local=True) == []
    (line,) = called("http://www.example.com/pec")
    assert "is not encrypted" in line
    (line,) = called("https://anna:hidden-word@www.example.com/pec")
    assert "password" in line
    assert "hidden-word" not in line
    unnamed = {"url": "https://www.example.com/pec"}
    assert odd(callback=unnamed).keys() == {"callback.field"}
    assert odd(callback={**unnamed, "method": "JSON"}) == {}
