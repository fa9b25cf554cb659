"""GET and DELETE: the receipts of a message, the inbox, the quota."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from aiohttp import web

from bulk_pec.sandbox.items import Showcase
from bulk_pec.sandbox.mail import Mail
from bulk_pec.sandbox.mailbox import PAGE, Mailbox, page_of
from bulk_pec.sandbox.office import Office
from bulk_pec.sandbox.replies import Refused, Reply, done
from bulk_pec.sandbox.slips import slipped
from bulk_pec.sandbox.wreckage import reset, wreck

_Answer = Callable[[web.Request, Mailbox], Reply]


class ReadingDesk:
    """Shows a mailbox over HTTP.

    Args:
        office: The provider behind it.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._show = Showcase(office.options)

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/send/{message_id}", self._open("receipts", self.receipts), allow_head=False),
            web.delete("/send/{message_id}", self._open("receipts", self.delete_receipts)),
            web.get("/inbox", self._open("inbox", self.inbox), allow_head=False),
            web.get("/inbox/{id}", self._open("item", self.item), allow_head=False),
            web.delete("/inbox/{id}", self._open("item", self.delete_item)),
            web.get("/quota/{mailbox}", self._open("quota", self.quota), allow_head=False),
        ]

    def _open(self, place: str, answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that checks credentials, then answers, but for the fault that may strike."""
        office = self._office

        def reply(request: web.Request) -> Reply:
            try:
                shown = answer(request, office.authenticated(request.headers))
                return slipped(shown) if office.options.json_slips else shown
            except Refused as refused:
                return refused.reply()

        async def handle(request: web.Request) -> web.Response:
            if office.faults.pick(place, early=True):
                return reset(request)
            if fault := office.faults.pick(place):
                return await wreck(request, fault, lambda: reply(request), office.options.slow_seconds)
            return reply(request).response()

        return handle

    def receipts(self, request: web.Request, box: Mailbox) -> Reply:
        """GET /send/{message_id}: 404 while nothing has come, or for an unknown id."""
        mails = box.of_message(request.match_info["message_id"])
        if not mails:
            raise Refused(404)
        return done(data=[self._show.as_receipt(box, mail) for mail in mails])

    def delete_receipts(self, request: web.Request, box: Mailbox) -> Reply:
        """DELETE /send/{message_id}: the receipts that have come are gone; later ones still come."""
        mails = box.of_message(request.match_info["message_id"])
        if not mails:
            raise Refused(404, "Email not found")
        for mail in mails:
            box.remove(mail)
        return done(message="Operation successful")

    def inbox(self, request: web.Request, box: Mailbox) -> Reply:
        """GET /inbox?page=&q=: 25 a page; an empty list beyond the last page."""
        options = self._office.options
        mails = box.search(request.query.get("q", ""))
        page = _page_number(request.query.get("page"), options.page_base)
        shown = page_of(mails, page - options.page_base, newest_first=options.newest_first)
        total = max(0, len(mails) + options.total_offset)
        return done(
            data=[self._show.in_list(box, mail) for mail in shown],
            total=total,
            page=page,
            n_of_pages=total // PAGE,  # as in the vendor's sample, where 981 mails make 39 pages
        )

    def item(self, request: web.Request, box: Mailbox) -> Reply:
        """GET /inbox/{id}."""
        mail = _found(request, box)
        if mail is None:
            raise Refused(404, "Message not found")
        return done(data=self._show.single(box, mail))

    def delete_item(self, request: web.Request, box: Mailbox) -> Reply:
        """DELETE /inbox/{id}: 200 also where there is none, since the vendor documents no 404 here."""
        mail = _found(request, box)
        if mail is not None:
            box.remove(mail)
        return done(message="Message deleted")

    def quota(self, request: web.Request, box: Mailbox) -> Reply:
        """GET /quota/INBOX: usage and limit in KiB; other folders are refused with 400."""
        if request.match_info["mailbox"].upper() != "INBOX":
            raise Refused(400, "The requested mailbox is not available")
        usage = math.ceil(box.used / 1024)
        return done(data={"usage": usage, "limit": box.limit // 1024})


def _page_number(text: str | None, base: int) -> int:
    """The page asked for; the first one if it is missing, no number, or before the first."""
    return max(base, int(text)) if text is not None and text.isdecimal() else base


def _found(request: web.Request, box: Mailbox) -> Mail | None:
    text = request.match_info["id"]
    return box.find(int(text)) if text.isdecimal() else None
