"""The registry (pec.openapi.it): a mailbox's life from the registration to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from bulk_pec.sandbox.office import Office
from bulk_pec.sandbox.registry_book import NO_CREDIT, NoCredit, WrongState, is_id
from bulk_pec.sandbox.registry_calls import Alarm
from bulk_pec.sandbox.registry_entry import REVOCATA, Entry
from bulk_pec.sandbox.registry_fates import EVASA
from bulk_pec.sandbox.registry_papers import TooMany, WrongFormat, form, received
from bulk_pec.sandbox.registry_replies import Raw, Refusal, envelope, plain, written
from bulk_pec.sandbox.registry_rules import address, checked
from bulk_pec.sandbox.replies import Refused, Reply
from bulk_pec.sandbox.wreckage import reset, wreck

_Answer = Callable[[web.Request, bytes], Reply]
_FORMLESS = frozenset({"chiusa", "registrazione_annullata"})
_MOST_YEARS = 10


class RegistryDesk:
    """Answers with the Bearer token alone.

    Args:
        office: The provider behind it.
        alarm: Rung after every call, since it may have set something going.
    """

    def __init__(self, office: Office, alarm: Alarm) -> None:
        self._office = office
        self._book = office.registry
        self._alarm = alarm

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/verifica_pec", self._open("check", self.check), allow_head=False),
            web.get("/verifica_pec/{pec:.*}", self._open("check", self.check), allow_head=False),
            web.get("/pec", self._open("mailboxes", self.mailboxes), allow_head=False),
            web.post("/pec", self._open("register", self.register)),
            web.get("/pec/{id}", self._open("mailbox", self.mailbox), allow_head=False),
            web.delete("/pec/{id}", self._open("revoke", self.revoke)),
            web.get("/pec/{id}/modulo_attivazione", self._open("form", self.form), allow_head=False),
            web.patch("/pec/{id}/attivazione", self._open("activate", self.activate)),
            web.get("/pec/{id}/rinnovo", self._open("renew", self.renew), allow_head=False),
        ]

    def _open(self, place: str, answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that checks the token, then answers, but for the fault that may strike."""
        office = self._office

        async def handle(request: web.Request) -> web.Response:
            self._book.asked[place] += 1
            if office.faults.pick(place, early=True):
                return reset(request)
            raw = await request.read()

            def reply() -> Reply:
                return self._reply(answer, request, raw)

            if fault := office.faults.pick(place):
                return await wreck(request, fault, reply, office.options.slow_seconds)
            return reply().response()

        return handle

    def _reply(self, answer: _Answer, request: web.Request, raw: bytes) -> Reply:
        try:
            self._office.access.check_registry_token(request.headers)
            reply = answer(request, raw)
        except Refused as refused:
            reply = refused.reply()
        self._alarm.ring()
        return written(reply, self._office.options)

    def check(self, request: web.Request, _raw: bytes) -> Reply:
        """GET /verifica_pec/{pec}."""
        asked = address(request.match_info.get("pec", ""))
        return envelope(200, {"available": self._book.available(asked)})

    def mailboxes(self, _request: web.Request, _raw: bytes) -> Reply:
        """GET /pec: 404 where there are none."""
        entries = self._book.all()
        if not entries:
            raise Refusal(404, "no pec linked to this account", 200)
        return envelope(200, [entry.in_list() for entry in entries])

    def register(self, _request: web.Request, raw: bytes) -> Reply:
        """POST /pec."""
        fields = checked(_json(raw), self._office.options.own_domains)
        if not self._book.available(fields["casella_pec"]):
            raise Refusal(406, "casella_pec is not available")
        try:
            return self._told(self._book.register(fields))
        except NoCredit:
            raise Refusal(402, NO_CREDIT, 262) from None

    def mailbox(self, request: web.Request, _raw: bytes) -> Reply:
        """GET /pec/{id}."""
        return self._told(self._entry(request, 201, 202))

    def form(self, request: web.Request, _raw: bytes) -> Reply:
        """GET /pec/{id}/modulo_attivazione: a PDF; refusals are lines of text."""
        try:
            entry = self._entry(request, None, None)
        except Refusal as refusal:
            missing = f"no request matches this id: {request.match_info['id']}"
            return plain(Refused(refusal.status, "Invalid id" if refusal.status == 400 else missing))
        if entry.stato in _FORMLESS:
            return plain(Refused(406, "the activation form is not available for this pec"))
        return Raw(200, {}, content=form(_form_lines(entry)), kind="application/pdf")

    def activate(self, request: web.Request, raw: bytes) -> Reply:
        """PATCH /pec/{id}/attivazione: from here on it is `in_evasione`."""
        entry = self._entry(request, 265, 266)
        body = _json(raw)
        wanted = body.get("documenti") if isinstance(body, dict) else None
        if not wanted:
            raise Refusal(428, "documenti required")
        try:
            self._book.check_activatable(entry)
            self._book.activate(entry, received(wanted, entry.kind))
        except WrongState:
            words = "you can activate the pec only when it is in the 'registrata|documenti_errati' state"
            raise Refusal(428, words, 267) from None
        except WrongFormat:
            raise Refusal(406, "wrong file format, pdf required", 296) from None
        except TooMany:
            raise Refusal(406, f"a single document is required for {entry.kind}") from None
        return self._told(entry)

    def renew(self, request: web.Request, _raw: bytes) -> Reply:
        """GET /pec/{id}/rinnovo?anni=: it renews and is paid, though it is a GET."""
        entry = self._entry(request, 201, 202)
        years = request.query.get("anni", "1")
        if not years.isdecimal() or not 1 <= int(years) <= _MOST_YEARS:
            raise Refusal(406, "anni not valid")
        try:
            self._book.renew(entry, int(years))
        except WrongState:
            raise Refusal(428, "you can renew only evaded or revoked pec", 203) from None
        except NoCredit:
            raise Refusal(402, NO_CREDIT) from None
        return self._told(entry)

    def revoke(self, request: web.Request, _raw: bytes) -> Reply:
        """DELETE /pec/{id}."""
        entry = self._entry(request, 301, 302)
        if entry.stato == REVOCATA:
            raise Refusal(406, "your pec has already been revoked", 303)
        if entry.stato != EVASA:
            raise Refusal(428, "you can revoke the pec only if it is active", 304)
        self._book.enter(entry, REVOCATA)
        return self._told(entry)

    def _entry(self, request: web.Request, wrong: int | None, missing: int | None) -> Entry:
        """The mailbox whose id is in the path.

        Raises:
            Refusal: 400 or 404, with these numbers.
        """
        id_ = request.match_info["id"]
        if not is_id(id_):
            raise Refusal(400, "Wrong id", wrong)
        entry = self._book.find(id_)
        if entry is None:
            raise Refusal(404, "no pec found", missing)
        return entry

    def _told(self, entry: Entry) -> Reply:
        return envelope(200, entry.slip() if self._office.options.json_slips else entry.shown())


def _json(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, "Post parameter is not valid") from None


def _form_lines(entry: Entry) -> list[str]:
    fields = entry.fields
    return [
        "Modulo di attivazione (sandbox: senza valore)",
        f"Casella: {entry.address} ({entry.kind})",
        f"Richiedente: {fields['nome_richiedente']} {fields['cognome_richiedente']}",
        f"Pratica: {entry.id}",
        "Data e firma: ______________________",
    ]
