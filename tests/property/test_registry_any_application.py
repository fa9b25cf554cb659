"""Any application at all has faults or has none: never a traceback, and without faults it can be sent."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from support.applications import PERSON, applied, faults

from bulk_pec.domain.errors import RegistryRefused
from bulk_pec.registry import application
from bulk_pec.registry.faults import Fault
from bulk_pec.registry.fields import CALLBACK_KEYS, KNOWN

_texts = (
    st.text(max_size=20)
    | st.text(alphabet=st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Nd", "Zs"]), max_size=6)
    | st.from_regex(r"[0-9]{2}/[0-9]{2}/[0-9]{4}", fullmatch=True)
    | st.from_regex(r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]", fullmatch=True)
    | st.from_regex(r"(IT)?[0-9]{10,12}", fullmatch=True)
    | st.sampled_from(["", "X", "PV", "IM", "PL", "EE", "IT", "RM", "F", "PECMASSIVA", "GOLD", "a@b.example"])
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_callbacks = st.dictionaries(st.sampled_from(CALLBACK_KEYS) | _texts, _values, max_size=5)
_BEARS_ON = {"nazione_titolare": ("provincia_titolare", "cap_titolare")}
_anything = st.dictionaries(st.sampled_from(KNOWN) | _texts, _values | _callbacks, max_size=8)


def _judged(fields: dict[str, object], *, test_host: bool, local: bool) -> list[Fault]:
    """Its faults, each of which can be printed; without any it can be warned of, tidied and sent."""
    found = faults(fields, test_host=test_host, local=local)
    for fault in found:
        assert str(fault).encode()
        assert str(fault).isprintable()
        assert not fault.what.endswith((".", " "))
        assert fault.hint.endswith((".", "?"))
    if not found:
        for warning in application.warnings(fields, test_host=test_host, today=date(2026, 3, 2), local=local):
            assert str(warning).isprintable()
        sent = application.prepared(fields)
        assert sent.keys() == fields.keys()
        json.dumps(sent, allow_nan=False).encode()
        assert faults(sent, test_host=test_host, local=local) == []
        assert application.prepared(sent) == sent
    return found


@given(fields=_anything, test_host=st.booleans(), local=st.booleans())
def test_any_fields_have_faults_and_no_traceback(
    fields: dict[str, object], test_host: bool, local: bool
) -> None:
    """Any value under any key; what lacks a required field has a fault of that name."""
    found = {fault.field for fault in _judged(fields, test_host=test_host, local=local)}
    assert PERSON.keys() - fields.keys() <= found


@given(field=st.sampled_from(KNOWN), value=_values | _callbacks, test_host=st.booleans())
def test_a_fault_is_about_the_field_that_was_changed(field: str, value: object, test_host: bool) -> None:
    """Or about one whose rule looks at it; nothing else becomes wrong."""
    found = _judged({**PERSON, field: value}, test_host=test_host, local=True)
    about = {fault.field.partition(".")[0] for fault in found}
    assert about <= {field, *_BEARS_ON.get(field, ())}


@given(fields=st.dictionaries(st.sampled_from(KNOWN), _texts, max_size=6))
def test_any_texts_in_a_good_one_are_judged(fields: dict[str, str]) -> None:
    """Texts reach the rules, where other values are stopped at the door; also on their own."""
    _judged(applied(**fields), test_host=False, local=True)


@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_file_is_read_or_refused(content: bytes) -> None:
    """Whatever its bytes and its ending."""
    with TemporaryDirectory() as folder:
        for name in ("a.toml", "a.json", "a"):
            path = Path(folder) / name
            path.write_bytes(content)
            with suppress(RegistryRefused):
                assert isinstance(application.read(path), dict)
