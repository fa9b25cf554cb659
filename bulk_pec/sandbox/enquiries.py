"""Look-ups: a company's certified address by its tax code, and whether a domain uses certified mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from bulk_pec.sandbox.office import Office
from bulk_pec.sandbox.replies import Refused, Reply, done

_Answer = Callable[[str], Reply | None]


class EnquiriesDesk:
    """Answers with the Bearer token alone. A tax code's last character chooses what it answers.

    Args:
        office: The provider behind it.

    Attributes:
        asked: How often each question was asked.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self.asked: Counter[str] = Counter()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/IT-pec/{asked}", self._open("company", self.company), allow_head=False),
            web.get("/domini_pec/{asked}", self._open("domain", self.domain), allow_head=False),
            web.get("/_sandbox/enquiries", self._counted, allow_head=False),
        ]

    def company(self, tax_code: str) -> Reply | None:
        """An address on an example domain; none for a code that ends in 0; a list for one that ends in 1."""
        if tax_code.endswith("0"):
            return None
        data = {"pec": f"info@ditta-{tax_code.lower()}.pec.example", "piva": tax_code}
        return done(data=[data] if tax_code.endswith("1") else data, error=None)

    def domain(self, domain: str) -> Reply | None:
        """Every domain uses certified mail but those that begin with ``senza-pec`` and the free ones."""
        if domain.startswith("senza-pec") or domain in {"gmail.com", "libero.it"}:
            return None
        return done(message=f"{domain} found!", data=[], error=None)

    def _open(self, place: str, answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        access = self._office.access
        # /domini_pec is a path of the registry's host, /IT-pec one of a third.
        check = access.check_registry_token if place == "domain" else access.check_token

        async def handle(request: web.Request) -> web.Response:
            asked = request.match_info["asked"]
            self.asked[f"{place} {asked}"] += 1
            try:
                check(request.headers)
            except Refused as refused:
                return refused.reply().response()
            reply = answer(asked)
            return web.Response(status=204) if reply is None else reply.response()

        return handle

    async def _counted(self, _request: web.Request) -> web.Response:
        return done(asked=dict(self.asked)).response()
