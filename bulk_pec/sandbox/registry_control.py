"""The control path of the registry: what it saw, and mailboxes brought to any state on request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from bulk_pec.sandbox.office import Office
from bulk_pec.sandbox.registry_calls import Alarm, Courier
from bulk_pec.sandbox.registry_entry import Entry
from bulk_pec.sandbox.registry_fates import ANNULLATA, ERRATI, EVASA, Judgement
from bulk_pec.sandbox.registry_rules import KINDS
from bulk_pec.sandbox.replies import Refused, Reply, handler

_KEYS = frozenset({"id", "mailbox", "stato", "scadenza", "documents", "tipo_casella", "autorinnovo"})
_LAST = 32_503_680_000
"""The year 3000, in unix seconds."""
_OUTCOMES = (EVASA, ERRATI, ANNULLATA)
_APPLICANT = {
    "tipo_cliente": "PV",
    "nome_richiedente": "mario",
    "cognome_richiedente": "rossi",
    "email": "mario@example.org",
    "telefono": "0500000000",
}


class RegistryControl:
    """Steers and watches the registry over HTTP, without credentials.

    Args:
        office: The provider it steers.
        courier: Its callbacks.
        alarm: Rung after every change.
    """

    def __init__(self, office: Office, courier: Courier, alarm: Alarm) -> None:
        self._book = office.registry
        self._courier = courier
        self._alarm = alarm

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/_sandbox/registry", handler(self.state)),
            web.post("/_sandbox/registry", handler(self.steer)),
        ]

    async def state(self, _: web.Request) -> Reply:
        """GET: every mailbox with its history, how often each call was made, and the callbacks."""
        courier = self._courier
        payload = {
            "mailboxes": [_told(entry) for entry in self._book.all()],
            "asked": dict(self._book.asked),
            "callbacks": {
                "posted": courier.posted,
                "failed": courier.failed,
                "elsewhere": courier.elsewhere,
                "under_way": courier.under_way,
            },
        }
        return Reply(200, payload)

    async def steer(self, request: web.Request) -> Reply:
        """POST: ``{id or mailbox, stato?, scadenza?, documents?, tipo_casella?, autorinnovo?}``.

        A mailbox that is not known is made, as if it had been registered (`stato` then says how it stands).
        Any word is taken for `stato`, also one the vendor does not document.
        """
        wanted = _checked(await request.read())
        entry, made = self._meant(wanted)
        if "scadenza" in wanted:
            entry.stamps["scadenza"] = wanted["scadenza"]
        if "autorinnovo" in wanted:
            entry.fields["autorinnovo"] = wanted["autorinnovo"]
        if "documents" in wanted:
            entry.ordered = Judgement(wanted["documents"])
        if "stato" in wanted and not made:
            self._book.enter(entry, wanted["stato"])
        self._alarm.ring()
        return Reply(201 if made else 200, _told(entry))

    def _meant(self, wanted: dict[str, Any]) -> tuple[Entry, bool]:
        """The mailbox that is meant, and whether it was made for the purpose."""
        if "id" in wanted:
            entry = self._book.find(str(wanted["id"]))
            if entry is None:
                raise Refused(404, "no mailbox has this id")
            return entry, False
        address = str(wanted["mailbox"]).lower()
        known = self._book.of_address(address)
        if known is not None:
            return known, False
        kind = wanted.get("tipo_casella", "PECMASSIVA")
        fields = {**_APPLICANT, "casella_pec": address, "tipo_casella": kind}
        return self._book.put(fields, wanted.get("stato", "registrata")), True


def _checked(raw: bytes) -> dict[str, Any]:
    """The wishes, if they can be understood.

    Raises:
        Refused: 400; says what is wrong.
    """
    try:
        wanted = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused(400, "not JSON") from None
    if not isinstance(wanted, dict) or not wanted.keys() & {"id", "mailbox"}:
        raise Refused(400, "id or mailbox is needed")
    if unknown := wanted.keys() - _KEYS:
        raise Refused(400, f"unknown: {', '.join(sorted(unknown))}")
    rules = {
        "stato": isinstance(wanted.get("stato", ""), str),
        "scadenza": _is_moment(wanted.get("scadenza", 1)),
        "autorinnovo": isinstance(wanted.get("autorinnovo", False), bool),
        "documents": wanted.get("documents", EVASA) in _OUTCOMES,
        "tipo_casella": wanted.get("tipo_casella", KINDS[0]) in KINDS,
        "mailbox": "@" in str(wanted.get("mailbox", "@")),
    }
    if wrong := [name for name, right in rules.items() if not right]:
        raise Refused(400, f"not valid: {', '.join(wrong)}")
    return wanted


def _is_moment(value: object) -> bool:
    """Whether a value is unix seconds that a calendar can show."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LAST


def _told(entry: Entry) -> dict[str, Any]:
    """A mailbox as the control path shows it: never the applicant, never what was sent."""
    return {
        "id": entry.id,
        "mailbox": entry.address,
        "tipo_casella": entry.kind,
        "stato": entry.stato,
        "scadenza": entry.stamps.get("scadenza"),
        "autorinnovo": entry.fields.get("autorinnovo", False),
        "history": [
            {"stato": stato, "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")}
            for stato, at in entry.history
        ],
        "documents": [len(paper) for paper in entry.papers],
    }
