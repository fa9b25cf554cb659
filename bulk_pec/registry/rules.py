"""The rules of a registration, field by field, and those between fields.

Source: see `fields`; each check says where it has its rule from. What no document of the vendor demands, but
nobody means, is a warning instead: `oddities`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from bulk_pec.registry import fields, values
from bulk_pec.registry.desks import Desk
from bulk_pec.registry.faults import Fault, shown
from bulk_pec.registry.provinces import ABROAD
from bulk_pec.registry.values import Check, Flaw, day_of, one_of

_HINTS: dict[str, str] = {
    "casella_pec": f'Write the new address, such as "ufficio@{fields.MASSIVE_DOMAIN}".',
    "tipo_casella": f'Write "{fields.KIND}".',
    "tipo_cliente": f"Write one of: {', '.join(f'{code} {whom}' for code, whom in fields.CLIENTS.items())}.",
    "data_nascita_richiedente": "Write it as dd/mm/yyyy, in quotes.",
    "provincia_titolare": f'Write its two letters, such as "RM"; "{ABROAD}" for a place abroad.',
}


class Texts:
    """The texts of a registration that can be checked: trimmed, non-empty, printable; else "".

    Args:
        given: All fields, whatever they hold.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        self._texts = {
            name: value.strip()
            for name in fields.TEXTS
            if isinstance(value := given.get(name), str) and value.strip().isprintable()
        }

    def __getitem__(self, name: str) -> str:
        return self._texts.get(name, "")

    def code(self, name: str) -> str:
        """A code, in capitals."""
        return self[name].upper()


def form(given: Mapping[str, object]) -> Iterator[Fault]:
    """Whether each field is there that must be, and is a text that can be sent."""
    for name in fields.TEXTS:
        required = name in fields.REQUIRED
        if name not in given:
            if required:
                yield Fault(name, "is missing", _HINTS.get(name, "The vendor requires it."))
        elif (fault := _text(name, given[name], required=required)) is not None:
            yield fault


def _text(name: str, value: object, *, required: bool) -> Fault | None:
    hint = _HINTS.get(name, "The vendor requires it.")
    if isinstance(value, date):
        return Fault(name, "must be text in quotes", f'Write "{value:%d/%m/%Y}".', shown(value))
    if not isinstance(value, str):
        return Fault(name, "must be text in quotes", f'Write {name} = "…".', shown(value))
    if not value.strip():
        return Fault(name, "is empty", hint) if required else None
    if not value.strip().isprintable():
        hint = "Type it anew: such characters come along when text is copied."
        return Fault(name, "holds a character that cannot be seen", hint, shown(value))
    return None


def meaning(texts: Texts, desk: Desk) -> Iterator[Fault]:
    """Whether each text says something that can be."""
    checks = _CHECKS | _dated(desk.today) | _between(texts, desk)
    for name in fields.TEXTS:
        if texts[name] and name in checks and (flaw := checks[name](texts[name])) is not None:
            yield Fault(name, *flaw, shown(texts[name]))


_CHECKS: dict[str, Check] = {
    "telefono": values.phone,
    "cellulare": values.phone,
    "codice_fiscale_richiedente": values.persons_code,
    "sesso_richiedente": one_of(("M", "F")),
    "nazione_nascita_richiedente": values.nation,
    "provincia_nascita_richiedente": values.birth_province,
    "nazione_titolare": values.nation,
    "tipo_documento": one_of(fields.DOCUMENTS),
}


def _dated(today: date) -> dict[str, Check]:
    return {
        "data_nascita_richiedente": values.birthday(today),
        "data_rilascio_documento": values.issued(today),
        "data_scadenza_documento": values.valid_until(today),
    }


def _between(texts: Texts, desk: Desk) -> dict[str, Check]:
    """The checks that look at another field, or at the desk."""
    italian = texts.code("nazione_titolare") in {"IT", ""}

    def elsewhere(check: Check) -> Check:
        return check if italian else lambda _: None

    return {
        "casella_pec": lambda text: _address(text, desk),
        "tipo_casella": _kind,
        "tipo_cliente": _client,
        "email": lambda text: _email(text, desk),
        "sottotipo_cliente": lambda text: _subtype(text, texts.code("tipo_cliente")),
        "cf_piva_titolare": elsewhere(values.tax_code),
        "cap_titolare": elsewhere(values.italian_cap),
        "provincia_titolare": _home_province if italian else values.province,
        "data_rilascio_documento": lambda text: _issued(text, texts, desk),
    }


def _kind(text: str) -> Flaw | None:
    """Only what sends massive mail is registered here; the vendor's other kinds are told from nonsense."""
    kind = text.upper()
    if kind == fields.KIND:
        return None
    if kind in fields.OTHER_KINDS:
        return "is another kind of mailbox, which sends no massive mail", f'Write "{fields.KIND}".'
    return "is no kind of mailbox", f'Write "{fields.KIND}".'


def _address(text: str, desk: Desk) -> Flaw | None:
    """A new address: at pecmassiva.com or on a domain of one's own (POST /pec); any on a test host."""
    flaw = values.email(text)
    if flaw is not None:
        return flaw[0], _HINTS["casella_pec"]
    domain = text.rpartition("@")[2].lower()
    if desk.test:
        return None
    if domain in fields.OTHERS_DOMAINS:
        return f"is on the vendor's domain for {fields.OTHERS_DOMAINS[domain]}", _HINTS["casella_pec"]
    if domain in fields.TEST_DOMAINS:
        return "is an address of the vendor's test host, and this is not it", _HINTS["casella_pec"]
    return None


def _email(text: str, desk: Desk) -> Flaw | None:
    """The applicant's e-mail; on the live host not the sample's, where nothing could ever reach anybody."""
    flaw = values.email(text)
    if flaw is None and values.is_reserved(text) and not (desk.test or desk.local):
        return "is on a domain for examples: no mail can reach it", "Write the applicant's own address."
    return flaw


def _client(text: str) -> Flaw | None:
    """With what each code means: the letters alone say little."""
    if text.upper() in fields.CLIENTS:
        return None
    return "is not one of the vendor's codes", _HINTS["tipo_cliente"]


def _subtype(text: str, client: str) -> Flaw | None:
    """Each kind of client has subtypes of its own, or none (`TipologieCliente`)."""
    if client not in fields.CLIENTS:
        allowed = dict.fromkeys(code for codes in fields.SUBTYPES.values() for code in codes)
        return one_of(tuple(allowed))(text)
    codes = fields.SUBTYPES.get(client, ())
    if text.upper() in codes:
        return None
    if not codes:
        return f"is given, but {client} has no subtypes", 'Leave it empty: "".'
    return f"is no subtype of {client}", f"Write one of: {', '.join(codes)}."


def _home_province(text: str) -> Flaw | None:
    if text.upper() == ABROAD:
        return "is not in Italy, as nazione_titolare says", "Write the two letters of the province."
    return values.province(text)


def _issued(text: str, texts: Texts, desk: Desk) -> Flaw | None:
    """A document is issued to somebody who is born, and before it expires."""
    flaw = values.issued(desk.today)(text)
    when = day_of(text)
    if flaw is not None or when is None:
        return flaw
    born, ends = day_of(texts["data_nascita_richiedente"]), day_of(texts["data_scadenza_documento"])
    if born is not None and when < born:
        return "lies before data_nascita_richiedente", "Write the day the document was issued."
    if ends is not None and when >= ends:
        return "lies not before data_scadenza_documento", "Write the day the document was issued."
    return None
