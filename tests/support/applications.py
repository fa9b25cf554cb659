"""Applications for a mailbox, as tests hand them in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from bulk_pec.registry import application
from bulk_pec.registry.faults import Fault

TODAY = date(2026, 3, 2)
SAMPLE = Path(__file__).parents[2] / "samples" / "registration.toml"

PERSON: Mapping[str, object] = {
    "casella_pec": "avvisi@pecmassiva.com",
    "tipo_casella": "PECMASSIVA",
    "tipo_cliente": "PV",
    "nome_richiedente": "Nicolò",
    "cognome_richiedente": "D'Amico",
    "email": "nicolo@example.org",
    "telefono": "+39 06 5550100",
    "codice_fiscale_richiedente": "BNCMRA82D11X999L",
    "data_nascita_richiedente": "11/04/1982",
    "sesso_richiedente": "M",
    "nazione_nascita_richiedente": "IT",
    "indirizzo_titolare": "Via Verdi 20",
    "comune_titolare": "Roma",
    "cap_titolare": "00042",
    "nazione_titolare": "IT",
    "provincia_titolare": "RM",
}
"""A private person's, with what is required and nothing more; for a registry on this machine it is good."""


def applied(**changes: object) -> dict[str, object]:
    """`PERSON` with some fields replaced; those that are None are left out."""
    return {name: value for name, value in {**PERSON, **changes}.items() if value is not None}


def faults(fields: Mapping[str, object], *, test_host: bool = False, local: bool = True) -> list[Fault]:
    """The faults of an application on `TODAY`."""
    return application.faults(fields, test_host=test_host, today=TODAY, local=local)


def warnings(fields: Mapping[str, object], *, test_host: bool = False, local: bool = True) -> list[Fault]:
    """What is suspicious about an application without faults, on `TODAY`."""
    assert faults(fields, test_host=test_host, local=local) == []
    return application.warnings(fields, test_host=test_host, today=TODAY, local=local)


def told(found: list[Fault]) -> dict[str, str]:
    """The faults' lines by field; no field has two."""
    lines = {fault.field: str(fault) for fault in found}
    assert len(lines) == len(found), found
    return lines
