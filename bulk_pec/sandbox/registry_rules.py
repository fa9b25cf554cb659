"""What POST /pec takes: the vendor's schema (`BodyPostPec`), in the order of its fields.

Numbers of refusals are the documented ones: 207 and 208 (mailbox), 224 (kind), 242 (date of birth), 326
(domain). For the others the vendor gives the words of the pattern and no number; see `UNDOCUMENTED`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from bulk_pec.sandbox.registry_replies import UNDOCUMENTED, Refusal

KINDS = ("STANDARD", "BRONZE", "SILVER", "GOLD", "DOMICILIODIGITALE", "PECMASSIVA")
REQUIRED = (
    "casella_pec",
    "tipo_casella",
    "tipo_cliente",
    "nome_richiedente",
    "cognome_richiedente",
    "email",
    "telefono",
    "codice_fiscale_richiedente",
    "data_nascita_richiedente",
    "sesso_richiedente",
    "nazione_nascita_richiedente",
    "indirizzo_titolare",
    "comune_titolare",
    "cap_titolare",
    "nazione_titolare",
    "provincia_titolare",
)
OPTIONAL = (
    "sottotipo_cliente",
    "sottotipo_cliente_altro",
    "cellulare",
    "comune_nascita_richiedente",
    "provincia_nascita_richiedente",
    "denominazione_titolare",
    "cf_piva_titolare",
    "tipo_documento",
    "numero_documento",
    "data_scadenza_documento",
    "documento_rilasciato_da",
    "data_rilascio_documento",
)
_SUBKINDS = {
    "IM": "SI IN CM TE ES ME AL CF ED TM MA AR TL FI X",
    "PS": "PC PR PN PT PA PL X",
    "PL": "LR LP LC LM LA LI X",
    "PC": "",
    "A": "",
    "PV": "",
    "X": "",
}
_DATES = ("data_nascita_richiedente", "data_scadenza_documento", "data_rilascio_documento")
_NUMBERS = {"casella_pec": 207, "tipo_casella": 224}
_DATE = re.compile(r"\d{2}/\d{2}/\d{4}")
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f]+")
_HOUSES = {
    "legalmail.it": KINDS[:4],
    "domiciliodigitale.com": KINDS[4:5],
    "pecmassiva.com": KINDS[5:],
    "testcert.legalmail.it": KINDS,
    "test.domiciliodigitale.com": KINDS,
}
_EXAMPLES = re.compile(r"(.+\.)?(example|example\.(com|net|org))")


def address(text: str) -> str:
    """A mailbox's address, in small letters.

    Raises:
        Refusal: 428 or 406.
    """
    if not text:
        raise Refusal(428, "casella_pec required", 207)
    if not _ADDRESS.fullmatch(text):
        raise Refusal(406, "invalid casella_pec", 208)
    return text.lower()


def checked(body: object, own_domains: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a registration, as they are kept.

    Args:
        body: The JSON that was posted.
        own_domains: Domains that belong to the account.

    Raises:
        Refusal: 400, 404, 406 or 428.
    """
    if not isinstance(body, dict):
        raise Refusal(400, "Post parameter is not valid")
    _required(body)
    fields: dict[str, Any] = {name: _text(body, name) for name in (*REQUIRED, *OPTIONAL) if name in body}
    fields["casella_pec"] = address(fields["casella_pec"])
    fields["tipo_casella"] = fields["tipo_casella"].upper()
    _choices(fields)
    _dates(fields)
    _domain(fields, own_domains)
    for name in ("nazione_nascita_richiedente", "nazione_titolare"):
        fields[name] = fields[name].upper()
    fields["autorinnovo"] = _flag(body.get("autorinnovo", False))
    if "callback" in body:
        fields["callback"] = _callback(body["callback"])
    return fields


def _required(body: dict[str, Any]) -> None:
    for name in REQUIRED:
        if body.get(name) in (None, ""):
            raise Refusal(428, f"{name} required", _NUMBERS.get(name, UNDOCUMENTED))


def _text(body: dict[str, Any], name: str) -> str:
    value = body[name]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _invalid(name)
    return value


def _choices(fields: dict[str, str]) -> None:
    if fields["tipo_casella"] not in KINDS:
        raise _invalid("tipo_casella")
    if fields["tipo_cliente"] not in _SUBKINDS:
        raise _invalid("tipo_cliente")
    known = _SUBKINDS[fields["tipo_cliente"]].split()
    if fields.get("sottotipo_cliente") and fields["sottotipo_cliente"] not in known:
        raise _invalid("sottotipo_cliente")
    if fields["sesso_richiedente"] not in ("M", "F"):
        raise _invalid("sesso_richiedente")
    if not _ADDRESS.fullmatch(fields["email"]):
        raise _invalid("email")
    if fields.get("tipo_documento") and fields["tipo_documento"] not in (
        "CARTA_D_IDENTITA",
        "PATENTE",
        "PASSAPORTO",
    ):
        raise _invalid("tipo_documento")


def _dates(fields: dict[str, str]) -> None:
    for name in _DATES:
        if fields.get(name) and not _is_date(fields[name]):
            code = 242 if name == "data_nascita_richiedente" else UNDOCUMENTED
            raise Refusal(406, f"{name} not valid, accepted format: dd/mm/yyyy", code)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.strptime(text, "%d/%m/%Y")  # noqa: DTZ007 - a day of the calendar has no zone
    except ValueError:
        return False
    return True


def _domain(fields: dict[str, str], own_domains: tuple[str, ...]) -> None:
    """A domain of the house, for its kinds of mailbox; one's own; or an example domain."""
    domain = fields["casella_pec"].rpartition("@")[2]
    if domain in map(str.lower, own_domains) or _EXAMPLES.fullmatch(domain):
        return
    if fields["tipo_casella"] not in _HOUSES.get(domain, ()):
        words = f"the domain {domain} is non-existent in the system or belongs to someone else"
        raise Refusal(404, words, 326)


def _flag(value: object) -> bool:
    """`autorinnovo`: the product page writes 'true' in quotation marks, the schema says boolean."""
    if value in (True, False, "true", "false"):
        return value in (True, "true")
    raise _invalid("autorinnovo")


def _callback(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        raise _invalid("callback")
    method, field, data = value.get("method", "POST"), value.get("field", "data"), value.get("data", {})
    if method not in ("POST", "JSON") or not isinstance(field, str) or not isinstance(data, dict):
        raise _invalid("callback")
    return {"url": value["url"], "field": field, "method": method, "data": data}


def _invalid(name: str) -> Refusal:
    return Refusal(406, f"{name} not valid")
