"""What no document of the vendor forbids, and yet hardly anybody means: warnings, not faults."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from bulk_pec.registry import callbacks, fields
from bulk_pec.registry.desks import Desk
from bulk_pec.registry.faults import Fault, shown
from bulk_pec.registry.nations import ITALY
from bulk_pec.registry.persons import TaxCode
from bulk_pec.registry.provinces import ABROAD
from bulk_pec.registry.rules import Texts
from bulk_pec.registry.values import day_of


def oddities(given: Mapping[str, object], texts: Texts, desk: Desk) -> Iterator[Fault]:
    """Everything suspicious about a registration without faults."""
    yield from _address(texts, desk)
    yield from _client(texts)
    yield from _person(texts)
    yield from _places(texts)
    callback = given.get(fields.CALLBACK)
    if isinstance(callback, Mapping):
        yield from callbacks.warnings(callback, local=desk.local)


def _address(texts: Texts, desk: Desk) -> Iterator[Fault]:
    """A domain that is nearly the vendor's; and on a test host one that it says it does not take there."""
    address = texts["casella_pec"]
    domain = address.rpartition("@")[2].lower()
    if desk.test:
        if domain not in fields.TEST_DOMAINS:
            hint = f"It asks for an address at {' or '.join(fields.TEST_DOMAINS)}."
            yield Fault("casella_pec", "may be refused by the vendor's test host", hint, shown(address))
    elif domain != fields.MASSIVE_DOMAIN and difflib.get_close_matches(
        domain, [fields.MASSIVE_DOMAIN], cutoff=0.8
    ):
        hint = f"Was {fields.MASSIVE_DOMAIN} meant? Any other domain must be one of your own."
        yield Fault("casella_pec", "is on a domain that is nearly the vendor's", hint, shown(address))


def _client(texts: Texts) -> Iterator[Fault]:
    """Subtypes, and whose mailbox it is."""
    client, subtype = texts.code("tipo_cliente"), texts.code("sottotipo_cliente")
    if client in fields.SUBTYPES and not subtype:
        hint = f"For {client} there are: {', '.join(fields.SUBTYPES[client])}."
        yield Fault("sottotipo_cliente", "is empty", hint)
    other = texts["sottotipo_cliente_altro"]
    if subtype == fields.OTHER and not other:
        yield Fault("sottotipo_cliente_altro", "is empty", "Say in words what the subtype X stands for.")
    if other and subtype != fields.OTHER:
        hint = "It goes with the subtype X only."
        yield Fault("sottotipo_cliente_altro", "is given without need", hint, shown(other))
    for name in ("denominazione_titolare", "cf_piva_titolare"):
        if client in fields.ORGANISATIONS and not texts[name]:
            hint = f"Without it the applicant may become its holder, not {fields.CLIENTS[client]}."
            yield Fault(name, "is empty", hint)


def _person(texts: Texts) -> Iterator[Fault]:
    """The applicant against the applicant's own tax code (D.M. 23 December 1976, articles 2 to 7)."""
    name = "codice_fiscale_richiedente"
    code = TaxCode.read(texts[name])
    if code is None:
        hint = "A natural person's has 16 characters; 11 digits are a company's, or provisional."
        yield Fault(name, "is no natural person's code", hint, shown(texts[name]))
        return
    born, sex = texts["data_nascita_richiedente"], texts["sesso_richiedente"]
    hint = "One of the two was mistyped."
    if (day := day_of(born)) is not None and not code.is_of_day(day):
        yield Fault("data_nascita_richiedente", f"is another day than in {name}", hint, shown(born))
    if sex.upper() != code.sex:
        yield Fault("sesso_richiedente", f"is another than in {name}", hint, shown(sex))
    nation = texts["nazione_nascita_richiedente"]
    if code.abroad and nation.upper() == ITALY:
        what = f"is Italy, and {name} says that the birthplace is abroad"
        yield Fault("nazione_nascita_richiedente", what, hint, shown(nation))


def _places(texts: Texts) -> Iterator[Fault]:
    """An Italian province in another nation, and the other way round."""
    for what in ("nascita_richiedente", "titolare"):
        nation, province = texts.code(f"nazione_{what}"), texts.code(f"provincia_{what}")
        if province and (nation == ITALY) == (province == ABROAD):
            hint = f"Outside Italy it is {ABROAD}; in Italy the two letters of the province."
            yield Fault(f"provincia_{what}", f"does not go with nazione_{what}", hint, shown(province))
