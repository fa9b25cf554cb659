"""POST /send."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from bulk_pec.sandbox.fates import ALWAYS, fate_of
from bulk_pec.sandbox.faults import Fault
from bulk_pec.sandbox.office import Office, Post
from bulk_pec.sandbox.replies import Refused, Reply, done
from bulk_pec.sandbox.submission import Submission, parse
from bulk_pec.sandbox.wreckage import NoAnswer, reset, wreck


class SendingDesk:
    """Takes messages over HTTP.

    Args:
        office: The provider behind it.
    """

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.post("/send", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Take a message, or say why not. Every request is noted, whatever becomes of it."""
        office = self._office
        post = Post(time.time(), office.clock.now())
        office.posts.append(post)
        if fault := office.faults.pick("send", early=True):
            post.fault = fault.kind
            return reset(request)
        try:
            submission, fault = await self._admit(request, post)
            if fault is None:
                reply = self._take(submission, post)
                if office.options.latency:
                    await asyncio.sleep(office.options.latency)
                return _noted(post, reply.response())
        except Refused as refused:
            return _noted(post, refused.reply().response())
        post.fault = fault.kind
        slow = office.options.slow_seconds
        return _noted(post, await wreck(request, fault, lambda: self._take(submission, post), slow))

    async def _admit(self, request: web.Request, post: Post) -> tuple[Submission, Fault | None]:
        """Read the request; it is one to be taken, but for the fault that may strike it.

        Raises:
            Refused: 400, 401, 402, 413 or 429.
        """
        office = self._office
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Refused(413) from None
        office.access.check_token(request.headers)
        submission = parse(raw)
        post.describe(submission)
        post.at = office.clock.now()
        office.access.check_sender(submission)
        office.rate.check(office.clock.real())
        office.access.check_credit(len(submission.recipients))
        fault = self._fault(submission)
        if fault is None and any(fate_of(recipient).refused for recipient in submission.recipients):
            raise Refused(400)
        return submission, fault

    def _fault(self, submission: Submission) -> Fault | None:
        """The fault that strikes: one asked for at the control endpoint first, else a recipient's."""
        office = self._office
        if office.faults.rules:
            text = "\n".join((*submission.recipients, submission.subject))
            if fault := office.faults.pick("send", text):
                return fault
        for recipient in submission.recipients:
            kind = fate_of(recipient).fault
            if kind and (ALWAYS in recipient or office.first_strike(recipient, submission.subject)):
                return Fault.named(kind)
        return None

    def _take(self, submission: Submission, post: Post) -> Reply:
        message_id = self._office.take(submission, post)
        return done(201, sent=len(submission.recipients), message_id=message_id)


def _noted(post: Post, response: web.Response) -> web.Response:
    """The response, its status noted unless the connection was broken instead."""
    post.status = None if isinstance(response, NoAnswer) else response.status
    return response
