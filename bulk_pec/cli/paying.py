"""A change that is paid for: kept in the ledger before it is asked for, and told whatever comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bulk_pec.cli import changing
from bulk_pec.cli.session import Result, Session
from bulk_pec.cli.streams import line
from bulk_pec.domain.errors import BulkPecError, UsageError
from bulk_pec.domain.exits import Exit, Reason
from bulk_pec.domain.registrations import Answer, Done, InDoubt, Registration

if TYPE_CHECKING:
    from bulk_pec.ledger.ledger import Ledger
    from bulk_pec.ledger.registry.changes import Change, Changes, Intent, Outcome
    from bulk_pec.provider.registry import Registry

Again = Annotated[
    bool,
    typer.Option("--again", help="Also after an answer in doubt: you looked, and it was not carried out."),
]

_SLACK = 60_000
"""Milliseconds a request may take beside its time limits, and two machines' clocks may differ by."""


class InTheWay(BulkPecError):
    """Of an earlier change of the mailbox it is not known what came of it, or it came in between.

    Args:
        what: See `BulkPecError`.
        hint: See `BulkPecError`.
        told: More of it, for programs.
    """

    reason = Reason.IN_DOUBT

    def __init__(self, what: str, *, hint: str, told: dict[str, Any]) -> None:
        super().__init__(what, hint=hint)
        self.told = told

    @property
    def exit(self) -> Exit:
        """3: a scheduler is not to run it again."""
        return changing.IN_DOUBT

    def result(self) -> Result:
        """What the command answers."""
        doubt = {"what": self.what, "hint": self.hint} | self.told
        return Result({"schema": 1, "in_doubt": doubt}, "", self.exit, closing=str(self))


class Errand:
    """One change that is paid for, from before its mailbox is looked at until its answer is kept.

    Args:
        session: Of the call.
        what: ``register`` or ``renew``.
        mailbox: The new one's address, or an id.
        look: The command that shows how things stand.
        again: ``--again`` was given.

    Raises:
        BulkPecError: The ledger cannot be read.
    """

    def __init__(self, session: Session, what: str, mailbox: str, *, look: str, again: bool) -> None:
        self._session = session
        self._what = what
        self._mailbox = mailbox
        self._look = look
        self._again = again
        self._id = 0
        self.before: Registration | None = None
        self._looked = self._read()

    def carried_out(
        self, request: Callable[[Registry], Awaitable[Answer]], *, done: str, doing: str
    ) -> Result:
        """Keep the intent, make the request, and keep and tell what came of it.

        Where an earlier one is in the way nothing is sent: 3, in doubt.

        Args:
            request: See `changing.change`.
            done: See `changing.ended`.
            doing: The same.

        Raises:
            BulkPecError: Nothing was sent or nothing was changed; or the ledger cannot be written.
            KeyboardInterrupt: A signal came before anything was sent.
        """
        try:
            self._open()
            answer = changing.change(self._session, request)
        except InTheWay as way:
            return way.result()
        except (BulkPecError, KeyboardInterrupt):
            if self._id:
                also = partial(self._close, word="not_sent")
                changing.kept(self._session, also=also, changed=False)
            raise
        return changing.ended(
            self._session,
            answer,
            done=done,
            doing=doing,
            look=self._look,
            create=True,
            before=self.before,
            also=partial(self._close, word=_outcome(answer)),
        )

    def _read(self) -> int:
        try:
            with self._session.ledger("read") as ledger:
                return self._changes(ledger).latest(self._mailbox)
        except UsageError:  # there is no ledger yet
            return 0

    def _changes(self, ledger: Ledger) -> Changes:
        return ledger.changes(self._session.config().settings.api.registry_url)

    def _intent(self) -> Intent:
        from bulk_pec.ledger.registry.changes import Intent

        return Intent(self._what, self._mailbox, self.before.expires_at if self.before else None)

    def _open(self) -> None:
        """Keep the intent; see `Changes.open`."""
        try:
            with self._session.ledger("write") as ledger:
                self._opened(self._changes(ledger))
        except InTheWay:
            raise
        except BulkPecError as error:
            error.what = f"{error.what} Nothing was sent: what costs is kept in the ledger first."
            raise

    def _opened(self, changes: Changes) -> None:
        now = _now()
        found = changes.unsettled(self._mailbox)
        over = found is not None and self._again and now >= self._free_from(found)
        way = changes.open(
            self._intent(),
            by=_who(),
            at=now,
            looked=self._looked,
            instead_of=found.id if found is not None and over else None,
        )
        if not isinstance(way, int):
            raise self._in_the_way(way)
        self._id = way

    def _free_from(self, change: Change) -> int:
        """From when on ``--again`` holds: not while the request may still be under way."""
        if change.outcome is not None:
            return change.opened_at
        # Connecting, sending and reading have that long each.
        limit = round(self._session.config().settings.api.timeout * 3000)
        return change.opened_at + limit + _SLACK

    def _in_the_way(self, change: Change) -> InTheWay:
        doing = f"{'registering' if change.intent.what == 'register' else 'renewing'} {line(self._mailbox)}"
        since = f"at {self._moment(change.opened_at)} by {line(change.opened_by)}"
        told = {"look": self._look, "since": _iso(change.opened_at), "by": change.opened_by}
        if change.settled_at is not None:
            return InTheWay(
                f"It turned out that {doing}, asked for {since}, was carried out. Nothing more was sent.",
                hint=f"Look at it: `{self._look}`. If one more is wanted, start this again.",
                told=told,
            )
        free = self._free_from(change)
        hint = f"Look first: `{self._look}`. If it was not carried out, start this again with --again"
        if free > _now():
            hint += f", not before {self._moment(free)}: the request may still be under way"
        return InTheWay(
            f"It is in doubt what came of {doing}, asked for {since}. Nothing was sent.",
            hint=f"{hint}.",
            told=told,
        )

    def _moment(self, milliseconds: int) -> str:
        from bulk_pec.cli.forecasting import zone
        from bulk_pec.reporting.moments import moment

        clock = zone(self._session.config())
        return f"{moment(milliseconds).astimezone(clock):%Y-%m-%d %H:%M:%S} ({clock})"

    def _close(self, ledger: Ledger, word: str) -> None:
        self._changes(ledger).close(self._id, _word(word), by=_who(), at=_now())


def _outcome(answer: Answer) -> str:
    if isinstance(answer, InDoubt):
        return "in_doubt"
    return "done" if isinstance(answer, Done) else "refused"


def _word(word: str) -> Outcome:
    from bulk_pec.ledger.registry.changes import Outcome

    return Outcome(word)


def _who() -> str:
    from bulk_pec.cli.identity import operator

    return operator().name


def _now() -> int:
    from bulk_pec.clock import SystemClock

    return SystemClock().now()


def _iso(milliseconds: int) -> str:
    from bulk_pec.reporting.status import iso

    return iso(milliseconds)
