"""The paths under /_sandbox, for tests; no provider has them: faults on request, the witness, the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from bulk_pec.sandbox.faults import Fault, Rule
from bulk_pec.sandbox.mail import MailKind
from bulk_pec.sandbox.office import Office, Post
from bulk_pec.sandbox.replies import Refused, Reply, handler


class ControlDesk:
    """Steers and watches a sandbox over HTTP. It asks for no credentials: it listens on localhost only.

    Args:
        office: The provider it steers.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/_sandbox/state", handler(self.state)),
            web.get("/_sandbox/sends", handler(self.sends)),
            web.get("/_sandbox/faults", handler(self.list_faults)),
            web.post("/_sandbox/faults", handler(self.add_fault)),
            web.delete("/_sandbox/faults", handler(self.clear_faults)),
            web.get("/_sandbox/clock", handler(self.clock)),
            web.post("/_sandbox/clock", handler(self.advance)),
            web.post("/_sandbox/mail", handler(self.mail)),
        ]

    async def state(self, request: web.Request) -> Reply:
        """GET state: counts; with ``?references=0`` without the map by reference."""
        office = self._office
        posts, taken = _by_reference(office.posts)
        payload: dict[str, Any] = {
            "now": _iso(office.clock.now()),
            "posts": len(office.posts),
            "taken": office.taken,
            "statuses": dict(Counter(str(post.status or "none") for post in office.posts)),
            "faults": dict(Counter(post.fault for post in office.posts if post.fault)),
            "taken_twice": sorted(key for key, count in taken.items() if count > 1),
            "receipts": self._receipts(),
        }
        if request.query.get("references") != "0":
            payload["references"] = {key: {"posts": posts[key], "taken": taken[key]} for key in posts}
        return Reply(200, payload)

    def _receipts(self) -> dict[str, int]:
        boxes = [self._office.mailbox(address) for address in list(self._office.mailboxes)]
        return {
            "arrived": sum(box.arrived for box in boxes),
            "present": sum(len(box) for box in boxes),
            "waiting": sum(box.waiting for box in boxes),
            "lost": sum(box.lost for box in boxes),
        }

    async def sends(self, request: web.Request) -> Reply:
        """GET sends: every POST seen, in order; ``?from=`` and ``?limit=`` page through them."""
        start = _number(request.query.get("from"), 0)
        limit = _number(request.query.get("limit"), len(self._office.posts))
        chosen = self._office.posts[start : start + limit]
        sends = [_shown(start + place, post) for place, post in enumerate(chosen)]
        return Reply(200, {"total": len(self._office.posts), "sends": sends})

    async def list_faults(self, _: web.Request) -> Reply:
        """GET faults: the rules in force."""
        return Reply(200, {"faults": [asdict(rule) for rule in self._office.faults.rules]})

    async def add_fault(self, request: web.Request) -> Reply:
        """POST faults: one more rule, or a list of them; the first that strikes counts."""
        wanted = await _json(request)
        rules = [_rule(entry) for entry in (wanted if isinstance(wanted, list) else [wanted])]
        self._office.faults.rules.extend(rules)
        return Reply(201, {"faults": len(self._office.faults.rules)})

    async def clear_faults(self, _: web.Request) -> Reply:
        """DELETE faults: all rules are gone."""
        self._office.faults.rules.clear()
        return Reply(200, {"faults": 0})

    async def clock(self, _: web.Request) -> Reply:
        """GET clock: the sandbox's time."""
        return Reply(200, {"now": _iso(self._office.clock.now())})

    async def advance(self, request: web.Request) -> Reply:
        """POST clock ``{"advance": seconds}``: jump forward by sandbox seconds."""
        wanted = await _json(request)
        seconds = wanted.get("advance") if isinstance(wanted, dict) else None
        if not isinstance(seconds, int | float) or seconds < 0:
            raise Refused(400, "advance must be a number of seconds, 0 or more")
        self._office.clock.advance(seconds)
        self._office.registry.settle()
        return await self.clock(request)

    async def mail(self, request: web.Request) -> Reply:
        """POST mail ``{mailbox, subject, sender?, text?, kind?, size?, count?}``: foreign mail, due now."""
        wanted = await _json(request)
        if not isinstance(wanted, dict) or not {"mailbox", "subject"} <= wanted.keys():
            raise Refused(400, "mailbox and subject are needed")
        kind = str(wanted.get("kind", "certified")).upper()
        if kind not in MailKind.__members__:
            raise Refused(400, f"kind must be one of {', '.join(MailKind.__members__).lower()}")
        count, size = wanted.get("count", 1), wanted.get("size", 10_000)
        if not isinstance(count, int) or not isinstance(size, int) or size < 0:
            raise Refused(400, "count and size must be whole numbers")
        box = self._office.mailbox(str(wanted["mailbox"]).lower())
        for _ in range(count):
            self._office.bring(
                box,
                str(wanted["subject"]),
                sender=str(wanted.get("sender", "rete@example.org")),
                text=str(wanted.get("text", "Notizie.")),
                kind=MailKind[kind],
                size=size,
            )
        return Reply(201, {"mailbox": box.address})


async def _json(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refused(400, "not JSON") from None


def _rule(entry: Any) -> Rule:
    """A rule from JSON: kind, seconds and retry_after say what happens, the rest when.

    Raises:
        Refused: 400; says what is wrong.
    """
    try:
        when = dict(entry)
        fault = Fault.named(str(when.pop("kind")), when.pop("seconds", None), when.pop("retry_after", None))
        return Rule(fault, **when)
    except KeyError:
        raise Refused(400, "kind is needed") from None
    except (TypeError, ValueError) as wrong:
        raise Refused(400, str(wrong)) from None


def _by_reference(posts: list[Post]) -> tuple[Counter[str], Counter[str]]:
    """How often each reference was posted, and taken; a post without one counts under its subject."""
    seen: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for post in posts:
        key = post.reference or post.subject
        seen[key] += 1
        taken[key] += post.taken
    return seen, taken


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _shown(number: int, post: Post) -> dict[str, Any]:
    return {
        "n": number,
        "real_at": post.real_at,
        "at": _iso(post.at),
        "mailbox": post.mailbox,
        "recipients": post.recipients,
        "subject": post.subject,
        "reference": post.reference,
        "digest": post.digest,
        "attachments": [asdict(each) for each in post.attachments],
        "taken": post.taken,
        "message_id": post.message_id,
        "status": post.status,
        "fault": post.fault,
    }
