"""How the ledger is called from here: by one thread, which may be serving a run that is sending."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from bulk_pec.ledger.inbox.inbox import Inbox

P = ParamSpec("P")
T = TypeVar("T")


class Call(Protocol):
    """Runs one ledger call and returns what it returns.

    A call that has begun is waited for, even when the caller is cancelled: what it commits is committed
    whole. `bulk_pec.sending.committer.LedgerThread.call` is one; nothing here calls the ledger otherwise.
    """

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(*args, **kwargs)``; whatever it raises is raised here."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger's inbox, and how it is called."""

    inbox: Inbox
    call: Call
