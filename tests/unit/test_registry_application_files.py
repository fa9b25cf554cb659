"""An application as a file, its callback, and what of it is sent."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest
from support.applications import PERSON, SAMPLE, applied, faults, told

from bulk_pec.domain.errors import LedgerError, RegistryRefused
from bulk_pec.registry import application
from bulk_pec.registry.desks import is_local, is_test

URL = "https://www.example.com/pec"


def written(path: Path, text: str | bytes) -> Path:
    """A file with this content."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str:
    """What is said of a file that is refused: one line that names it, and a hint."""
    with pytest.raises(RegistryRefused) as caught:
        application.read(path)
    assert str(path) in caught.value.what
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return caught.value.what


def test_toml_and_json_are_the_same(tmp_path: Path) -> None:
    """Told by the ending, else by what the file begins with; a byte order mark is no fault."""
    fields = application.read(SAMPLE)
    as_json = json.dumps(fields, ensure_ascii=False)
    as_toml = SAMPLE.read_text(encoding="utf-8")
    files = {"a.json": as_json, "b": f" \n{as_json}", "c.txt": as_toml, "d.TOML": as_toml, "e.JSON": as_json}
    for name, text in files.items():
        for mark in ("", "\ufeff"):
            assert application.read(written(tmp_path / name, mark + text)) == fields, name


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", "cap_titolare = 00042\n", "is not TOML"),
        ("a.toml", 'email = "a"\nemail = "b"\n', "is not TOML"),
        ("a.toml", "[callback", "is not TOML"),
        ("a.toml", "x = 1" + "0" * 5000, "holds what no registration holds"),
        ("a.toml", "x = " + "[" * 5000, "holds what no registration holds"),
        ("a.json", '{"email": "a",}', "is not JSON (line 1:"),
        ("a.json", "", "is not JSON"),
        ("a.json", '{"email": "a", "email": "b"}', 'has the key "email" twice'),
        ("a.json", '{"callback": {"url": 1, "url": 2}}', 'has the key "url" twice'),
        ("a.json", "[]", "no object"),
        ("a.json", '"x"', "no object"),
        ("a.json", '{"a": 1' + "0" * 5000 + "}", "holds what no registration holds"),
        ("a.json", "[" * 100_000, "holds what no registration holds"),
        ("a", b'{"email": "\xe0"}', "is not UTF-8 (byte 11)"),
        ("a", b"\0" * ((1 << 20) + 1), "is larger than any registration"),
    ],
)
def test_what_is_no_application_is_refused(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    """With where it is broken, and never with what it holds beyond that."""
    assert words in refusal(written(tmp_path / name, content))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Nothing there, a folder, a pipe: none is waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert "There is no file" in refusal(tmp_path / "none.toml")
    assert "is no plain file" in refusal(tmp_path)
    assert "is no plain file" in refusal(tmp_path / "pipe")


def test_a_name_that_no_file_system_takes_cannot_be_read() -> None:
    """74, as what else cannot be read."""
    with pytest.raises(LedgerError, match="cannot be read: File name too long"):
        application.read(Path("x" * 300))


def test_callbacks_that_are_good() -> None:
    """Its address alone will do; its method is POST or JSON, its data whatever JSON can hold."""
    for callback in (
        {"url": URL},
        {"url": "http://[2001:db8::1]:8080/a?b=c", "field": "data", "method": "post"},
        {"url": URL, "method": "JSON", "data": {"a": [1, 2.5, None, True, {"è": "y"}]}},
    ):
        assert faults(applied(callback=callback)) == []


@pytest.mark.parametrize("url", ["", "www.example.com", "ftp://a.example", "https://", "https://[", 5, None,
                                 "https://a.example:99999", "https://a.example:0", "https://a b.example", " https://a.example",
                                 "https://à.example", "https://a.example/\n"])  # fmt: skip
def test_a_callbacks_address_is_one_of_the_web(url: object) -> None:
    """Of http or https, with a host, in ASCII and without blanks."""
    assert "callback.url" in told(faults(applied(callback={"url": url})))


def test_a_callbacks_address_is_not_shown_if_a_password_may_stand_in_it() -> None:
    """Only what holds no @ is repeated."""
    lines = told(faults(applied(callback={"url": "htps://anna:hidden-word@a.example"})))
    assert "hidden-word" not in lines["callback.url"]
    assert '"htps://a.example"' in told(faults(applied(callback={"url": "htps://a.example"})))["callback.url"]


def test_everything_wrong_with_a_callback_is_told() -> None:
    """Also keys that belong above it, since in TOML all that follows [callback] is inside it."""
    wrong = {"uri": URL, "method": "GET", "field": " ", "data": "x", "autorinnovo": True}
    lines = told(faults(applied(callback=wrong)))
    assert lines.keys() == {
        f"callback.{key}" for key in ("uri", "url", "method", "field", "data", "autorinnovo")
    }
    assert "Did you mean callback.url?" in lines["callback.uri"]
    assert "Move it above [callback]" in lines["callback.autorinnovo"]
    assert told(faults(applied(callback=URL))).keys() == {"callback"}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"a": {"b": [1, date(2026, 1, 1)]}}, "callback.data.a.b[1]"),
        ({"a": float("nan")}, "callback.data.a"),
        ({"a": 1 << 64}, "callback.data.a"),
        ({"a": "\ud800"}, "callback.data.a"),
        ({"\ud800": 1}, "callback.data.?"),
    ],
)
def test_a_callbacks_data_can_be_sent(data: object, where: str) -> None:
    """What JSON cannot hold is found before anything is sent: its place is told, its value is not."""
    (fault,) = faults(applied(callback={"url": URL, "data": data}))
    assert (fault.field, fault.value) == (where, "")


def test_a_callbacks_data_is_of_any_sensible_depth() -> None:
    """What nests deeper than anybody means is a fault, however deep it is: some readers of JSON end there."""
    deep: dict[str, object] = {"a": 1}
    for _ in range(20):
        deep = {"a": deep}
    for layers in (0, 5_000):
        for _ in range(layers):
            deep = {"a": deep}
        (fault,) = faults(applied(callback={"url": URL, "data": deep}))
        assert fault.field.startswith("callback.data.a.a")
        assert "JSON" in fault.what
    assert faults(applied(callback={"url": URL, "data": {"a": [[[[1]]]]}})) == []


def test_automatic_renewal_is_yes_or_no() -> None:
    """Neither a text nor a number: it costs."""
    for value in (True, False):
        assert faults(applied(autorinnovo=value)) == []
    for wrong in ("true", 1, None):
        given = {**PERSON, "autorinnovo": wrong}
        assert told(faults(given)).keys() == {"autorinnovo"}


def test_what_is_sent_is_tidy() -> None:
    """Blanks at the ends go, codes are in capitals, tax codes without blanks; nothing else changes."""
    given = applied(
        casella_pec=" Avvisi@PecMassiva.com ",
        tipo_casella="pecmassiva",
        codice_fiscale_richiedente="bnc mra 82d11 x999l",
        cf_piva_titolare="IT 12345679992",
        provincia_titolare="rm",
        nazione_titolare="it",
        comune_titolare=" Roma",
        cellulare="",
        autorinnovo=True,
        callback={"url": URL, "method": "json", "data": {"a": " b "}},
    )
    assert faults(given) == []
    sent = application.prepared(given)
    assert sent == given | {
        "casella_pec": "avvisi@pecmassiva.com",
        "tipo_casella": "PECMASSIVA",
        "codice_fiscale_richiedente": "BNCMRA82D11X999L",
        "cf_piva_titolare": "12345679992",
        "provincia_titolare": "RM",
        "nazione_titolare": "IT",
        "comune_titolare": "Roma",
        "callback": {"url": URL, "method": "JSON", "data": {"a": " b "}},
    }
    assert list(sent) == list(given)


def test_a_foreign_holders_number_is_sent_as_it_is() -> None:
    """It has no form that could be known here."""
    swiss = {"nazione_titolare": "CH", "provincia_titolare": "EE", "cap_titolare": "6900"}
    given = applied(cf_piva_titolare="CHE-123.456.788 IVA", **swiss)
    assert application.prepared(given)["cf_piva_titolare"] == "CHE-123.456.788 IVA"


def test_hosts_are_told_apart() -> None:
    """The live one, the vendor's test host, and this machine."""
    hosts = {
        "https://pec.openapi.it": (False, False),
        "https://test.pec.openapi.it": (True, False),
        "https://attest.pec.openapi.it": (False, False),
        "http://127.0.0.1:8080": (False, True),
        "http://[::1]:8080": (False, True),
        "http://localhost": (False, True),
        "http://[": (False, False),
    }
    assert {url: (is_test(url), is_local(url)) for url in hosts} == hosts
