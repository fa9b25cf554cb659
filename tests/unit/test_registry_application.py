"""An application for a mailbox, field by field: what the vendor requires and what a field can say."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from support.applications import PERSON, SAMPLE, applied, faults, told, warnings

from bulk_pec.registry import application
from bulk_pec.registry.fields import CALLBACK_KEYS, KNOWN
from bulk_pec.registry.nations import NATIONS
from bulk_pec.registry.provinces import FORMER, PROVINCES, RETURNED


def one(field: str, value: object, **more: object) -> str:
    """The only fault there is when a field has this value: its line, which names the field."""
    lines = told(faults(applied(**{field: value}, **more)))
    assert list(lines) == [field], lines
    return lines[field]


def good(field: str, *values: object, **more: object) -> None:
    """Assert that none of these values is a fault."""
    for value in values:
        assert faults(applied(**{field: value}, **more)) == [], value


def test_the_least_application_has_no_faults() -> None:
    """What the vendor's schema requires is enough; its other fields may be empty, as in its sample."""
    assert faults(PERSON) == []
    empty = ("sottotipo_cliente", "cellulare", "cf_piva_titolare", "comune_nascita_richiedente")
    assert faults(applied(**dict.fromkeys(empty, ""))) == []


@pytest.mark.parametrize("field", list(PERSON))
def test_each_required_field_must_be_there(field: str) -> None:
    """Missing and empty are told apart; blanks are empty."""
    assert re.match(rf"{field} is missing\. [A-Z]", one(field, None))
    for value in ("", "  "):
        assert re.match(rf"{field} is empty\. [A-Z]", one(field, value))


def test_all_faults_are_told_at_once_in_the_vendors_order() -> None:
    """One call tells everything; unknown keys come last."""
    wrong = {"cap_titolare": "187", "Email": "x", "telefono": None, "casella_pec": "x", "autorinnovo": "true"}
    given = applied(**wrong, sottotipo_cliente="SI", callback={"url": 1})
    found = [fault.field for fault in faults(given)]
    ours = ["casella_pec", "sottotipo_cliente", "telefono", "cap_titolare"]
    assert found == [*ours, "callback.url", "autorinnovo", "Email"]
    assert [fault.field for fault in faults({})] == list(PERSON)


def test_a_fault_shows_the_value_and_what_to_do() -> None:
    """The one value to be mended stands in the line, cut if it is long; its repr and its log form hide it."""
    line = one("provincia_titolare", "Firenze")
    assert line == 'provincia_titolare = "Firenze" is a name, not a code. Write FI.'
    (fault,) = faults(applied(provincia_titolare="Firenze"))
    assert "Firenze" not in repr(fault)
    assert fault.said() == "provincia_titolare is a name, not a code. Write FI."
    (fault,) = faults(applied(cap_titolare="9" * 500))
    assert len(fault.value) == 60


def test_values_must_be_texts() -> None:
    """Numbers lose their zeros, and TOML's dates are no texts: how to write them is said."""
    assert "cap_titolare = 42 must be text in quotes" in one("cap_titolare", 42)
    assert one("data_nascita_richiedente", date(1982, 4, 11)).endswith('Write "11/04/1982".')
    for value in (True, ["Roma"], {"a": 1}, 1.5):
        assert "must be text in quotes" in one("comune_titolare", value)
    assert "cannot be seen" in one("comune_titolare", "Ro\u200bma")
    assert "cannot be seen" in one("comune_titolare", "Ro\nma")
    assert "\ud800" not in one("comune_titolare", "Ro\ud800ma")


def test_unknown_keys_are_faults_with_a_near_miss() -> None:
    """The field that was probably meant is named; the value is not shown."""
    assert "Did you mean cap_titolare?" in one("cap_titolari", "00042")
    line = one("password", "hidden-word")
    assert "Leave it out" in line
    assert "hidden-word" not in line
    assert "Did you mean email?" in one("Email", "x@example.org")


def test_only_massive_mailboxes_are_registered() -> None:
    """The vendor's other kinds are named as such; a code may be in small letters, as in its sample."""
    good("tipo_casella", "PECMASSIVA", "pecmassiva")
    for kind in ("bronze", "STANDARD", "DOMICILIODIGITALE"):
        assert "another kind of mailbox" in one("tipo_casella", kind)
    assert "is no kind of mailbox" in one("tipo_casella", "PEC")


def test_kinds_of_client_and_their_subtypes() -> None:
    """Every kind is known, and each has subtypes of its own or none."""
    good("tipo_cliente", "IM", "PS", "PL", "PC", "A", "PV", "X", "pv")
    assert "IM a company" in one("tipo_cliente", "")
    missing, wrong = one("tipo_cliente", None), one("tipo_cliente", "ZZ")
    assert missing.partition(". ")[2] == wrong.partition(". ")[2], "the same hint, with what each code means"
    assert "PV a private person" in wrong
    good("sottotipo_cliente", "SI", "tl", "X", tipo_cliente="IM")
    good("sottotipo_cliente", "PN", "PA", "PL", tipo_cliente="PS")
    good("sottotipo_cliente", "LC", "LI", tipo_cliente="PL")
    assert "is no subtype of IM. Write one of: SI, IN," in one("sottotipo_cliente", "LC", tipo_cliente="IM")
    assert "PV has no subtypes" in one("sottotipo_cliente", "SI")
    assert "PC has no subtypes" in one("sottotipo_cliente", "X", tipo_cliente="PC")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1982-04-11", "is no date"),
        ("11/4/1982", "is no date"),
        ("11/04/82", "is no date"),
        ("30/02/1982", "does not exist"),
        ("04/13/1982", "does not exist"),
        ("00/00/0000", "does not exist"),
        ("02/03/2026", "not in the past"),
        ("01/01/1905", "120 years"),
        ("١١/٠٤/١٩٨٢", "is no date"),
    ],
)
def test_birth_is_a_day_that_was(value: str, words: str) -> None:
    """dd/mm/yyyy, in the calendar, in the past, and of somebody who may live."""
    assert words in one("data_nascita_richiedente", value)


def test_births_that_are_no_fault() -> None:
    """Leap days count, and nothing asks for an adult."""
    good("data_nascita_richiedente", "29/02/2024", "01/03/2026", "01/01/1906", " 11/04/1982 ")


def test_identity_documents_are_valid_ones() -> None:
    """Of a known kind, issued after the birth and not in the future, and not expired."""
    good("tipo_documento", "CARTA_D_IDENTITA", "patente", "PASSAPORTO")
    assert "CARTA_D_IDENTITA, PATENTE, PASSAPORTO" in one("tipo_documento", "CIE")
    good("data_scadenza_documento", "02/03/2026", "11/04/2034")
    assert "has expired" in one("data_scadenza_documento", "01/03/2026")
    good("data_rilascio_documento", "02/03/2026", data_scadenza_documento="11/04/2034")
    good("data_rilascio_documento", "11/04/1982")
    assert "in the future" in one("data_rilascio_documento", "03/03/2026")
    assert "before data_nascita_richiedente" in one("data_rilascio_documento", "10/04/1982")
    assert "not before data_scadenza_documento" in one(
        "data_rilascio_documento", "02/03/2026", data_scadenza_documento="02/03/2026"
    )


def test_tax_codes_must_pass_their_check() -> None:
    """A mistyped character is found, in a person's code and in a company's; letters for digits are right."""
    good("codice_fiscale_richiedente", "bncmra82d11x999l", "BNC MRA 82D11 X999L", "BNCMRAU2D11X999I")
    assert "check digit" in one("codice_fiscale_richiedente", "BNCMRA82D11X999M")
    assert "does not exist" in one("codice_fiscale_richiedente", "BNCMRA82D32X999S")
    assert "is no codice fiscale" in one("codice_fiscale_richiedente", "RSSXXXXXXXX56E")
    assert "cf_piva_titolare" in one("codice_fiscale_richiedente", "IT12345679992")
    good("cf_piva_titolare", "12345679992", "IT12345679992", "BNCMRA82D11X999L", "")
    assert "check digit" in one("cf_piva_titolare", "12345679993")
    good("cf_piva_titolare", "CHE-123.456.788", nazione_titolare="CH", provincia_titolare="EE")


def test_places_are_written_as_the_registry_does() -> None:
    """Provinces, nations and postcodes; of a name the code is told."""
    good("provincia_titolare", "RM", "rm", "SU", "OT")
    assert one("provincia_titolare", "L'AQUILA").endswith("Write AQ.")
    assert "is no Italian province" in one("provincia_titolare", "ZZ")
    assert one("provincia_titolare", "PS").endswith("no more. Write PU.")
    assert "is not in Italy" in one("provincia_titolare", "EE")
    good("provincia_titolare", "EE", nazione_titolare="CH", cap_titolare="CH-6900")
    good("provincia_nascita_richiedente", "PS", "FU", "EE", "mi", "")
    assert "is no Italian province" in one("provincia_nascita_richiedente", "XX")
    good("nazione_nascita_richiedente", "it", "AL", "CN")
    assert one("nazione_nascita_richiedente", "Italia").endswith("Write IT.")
    assert one("nazione_nascita_richiedente", "UK").endswith("Write GB.")
    assert "ISO 3166-1" in one("nazione_nascita_richiedente", "YU")
    for cap in ("187", "0018A", "001870", "٠٠١٨٧"):
        assert "is no Italian postcode" in one("cap_titolare", cap)


def test_the_tables_are_whole() -> None:
    """107 provinces, 249 nations; no code of a province means two things."""
    assert (len(PROVINCES), len(NATIONS)) == (107, 249)
    assert not (PROVINCES.keys() & RETURNED.keys() | PROVINCES.keys() & FORMER.keys())
    codes = [*PROVINCES, *RETURNED, *FORMER, *NATIONS]
    assert [code for code in codes if not re.fullmatch("[A-Z]{2}", code)] == []
    assert set(filter(None, FORMER.values())) <= PROVINCES.keys()


def test_telephones_and_addresses() -> None:
    """Six to fifteen digits; one e-mail address, looked at without asking anybody."""
    good("telefono", "0548798569", "+39 (0548) 798-569", "06/5550100", "112233")
    for number in ("12345", "1234567890123456", "casa", "06 555 int. 3", "٠٦٥٥٥٠١٠٠", "+"):
        assert "is no telephone number" in one("telefono", number)
    assert "is no telephone number" in one("cellulare", "no")
    for address in ("nessuno", "a@b", "a@example.org, b@example.org", "a b@example.org"):
        assert one("email", address).startswith("email = ")


@pytest.mark.parametrize("address", ["a@legalmail.it", "a@domiciliodigitale.com", "a@TESTCERT.legalmail.it"])
def test_a_massive_mailbox_lies_at_pecmassiva_or_on_ones_own_domain(address: str) -> None:
    """The vendor's domains for other things are no one's own; on its test host any address will do."""
    good("casella_pec", "Avvisi@PECMASSIVA.com", "pec@comune.example.org")
    assert "ufficio@pecmassiva.com" in one("casella_pec", address)
    assert faults(applied(casella_pec=address), test_host=True) == []


def test_an_address_must_be_one_even_on_a_test_host() -> None:
    """What is no address is a fault everywhere."""
    for address in ("avvisi", "avvisi@", "@pecmassiva.com", "av visi@pecmassiva.com"):
        assert "casella_pec" in told(faults(applied(casella_pec=address)))
        assert "casella_pec" in told(faults(applied(casella_pec=address), test_host=True))


def test_the_sample_is_for_rehearsals_only() -> None:
    """As it is, it has no faults there, nor on a test host; on the live one its e-mail must be replaced."""
    fields = application.read(SAMPLE)
    assert faults(fields) == []
    assert warnings(fields) == []
    assert faults(fields, local=False, test_host=True) == []
    assert list(told(faults(fields, local=False))) == ["email"]


def test_the_sample_explains_every_field(tmp_path: Path) -> None:
    """Each of the vendor's fields stands in it; with all comment signs before fields removed it is good."""
    text = SAMPLE.read_text(encoding="utf-8")
    whole = re.sub(r"^# (?=(?:[a-z_]+ = |\[callback))", "", text, flags=re.MULTILINE)
    (tmp_path / "whole.toml").write_text(whole, encoding="utf-8")
    fields = application.read(tmp_path / "whole.toml")
    assert fields.keys() == set(KNOWN)
    callback = fields["callback"]
    assert isinstance(callback, dict)
    assert callback.keys() == set(CALLBACK_KEYS)
    assert (faults(fields), warnings(fields)) == ([], [])
