"""A client of the provider as the tests use it: samples, and a hook that keeps count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bulk_pec.domain.letters import Letter, Mailbox, Secret
from bulk_pec.domain.outcomes import Outcome, Verdict
from bulk_pec.provider.client import PecClient
from bulk_pec.provider.reading import Patience
from bulk_pec.provider.transport import open_http

TOKEN = "token-6f1c"  # noqa: S105 - a sample
PASSWORD = "s3cret/pass word"  # noqa: S105 - a sample
USERNAME = "user-77"
MAILBOX = Mailbox("ufficio@example.com", Secret(USERNAME), Secret(PASSWORD))
LETTER = Letter(("destinatario@example.org",), "Avviso [rif. X]", "<p>Buongiorno</p>")
NO_WAITING = Patience(attempts=3, timeout=5.0, first_wait=0.001, longest_wait=1.0)


@dataclass
class FirstByte:
    """A `before_first_byte` that counts its calls.

    Attributes:
        then: What it does at last; by default it lets the request go.
        calls: How often it was awaited.
        began: How often it returned None: the caller's mark that the request began.
    """

    then: Callable[[], Awaitable[str | None]] | None = None
    calls: int = 0
    began: int = 0

    async def __call__(self) -> str | None:
        """Count, then do `then`."""
        self.calls += 1
        why = await self.then() if self.then else None
        self.began += why is None
        return why


@dataclass
class Sender:
    """A client and the hook of its last POST."""

    client: PecClient
    hooks: list[FirstByte] = field(default_factory=list)

    @property
    def hook(self) -> FirstByte:
        """The hook of the last POST."""
        return self.hooks[-1]

    async def send(
        self,
        then: Callable[[], Awaitable[str | None]] | None = None,
        *,
        limit: float = 5.0,
        letter: Letter = LETTER,
        mailbox: Mailbox = MAILBOX,
    ) -> Outcome:
        """One POST. `limit` is the client's timeout in seconds."""
        self.hooks.append(FirstByte(then))
        return await self.client.send(mailbox, letter, before_first_byte=self.hook, timeout=limit)


@asynccontextmanager
async def sender(
    url: str, *, connections: int = 4, connect: float = 5.0, patience: Patience = NO_WAITING
) -> AsyncIterator[Sender]:
    """A client for `url`, with the project's own HTTP client under it."""
    async with open_http(timeout=connect, connections=connections) as http:
        yield Sender(PecClient(http, base_url=url, token=Secret(TOKEN), patience=patience))


def agrees(outcome: Outcome, hook: FirstByte, arrived: bytes) -> bool:
    """Whether an outcome fits what the server saw.

    The hook runs once at most. A request that did not begin is not sent, and one that is not sent though
    nothing was answered has not arrived, not even in part.
    """
    if hook.calls > 1 or (not hook.began and outcome.verdict is not Verdict.NOT_SENT):
        return False
    if outcome.status is None and outcome.verdict is Verdict.NOT_SENT:
        return b"POST" not in arrived
    return outcome.status is not None or outcome.verdict is Verdict.IN_DOUBT
