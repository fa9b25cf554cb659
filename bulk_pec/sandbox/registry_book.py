"""The registry's book: which mailboxes there are, and what time and the account's owner make of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from bulk_pec.sandbox.clock import SandboxClock
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.registry_entry import IN_EVASIONE, REGISTRATA, REVOCATA, Entry, years_later
from bulk_pec.sandbox.registry_fates import ERRATI, EVASA, is_taken, judgement_of

_ID = re.compile(r"[0-9a-f]{24}")
_MACHINE = "3a716838"
_GONE = frozenset({"chiusa", "registrazione_annullata"})
"""States that give the address back."""

NO_CREDIT = "Insufficient Credit in Wallet: 182.03"


class NoCredit(Exception):
    """The account cannot pay for it."""


class WrongState(Exception):
    """The mailbox's state does not allow it."""


class Book:
    """All mailboxes of the one account, in memory. Used from one thread.

    Args:
        options: The settings.
        clock: The sandbox's time.

    Attributes:
        asked: How often each call was made, by its place (see `bulk_pec.sandbox.faults.PLACES`).
        changed: Called after each change of state.
    """

    def __init__(self, options: SandboxOptions, clock: SandboxClock) -> None:
        self._options = options
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._years = options.registry_credit
        self._taken = frozenset(name.lower() for name in options.taken_names)
        self.asked: Counter[str] = Counter()
        self.changed: Callable[[Entry], None] = _unheard

    def all(self) -> list[Entry]:
        """Every mailbox, in the order of registration, as of now."""
        self.settle()
        return list(self._entries.values())

    def find(self, id_: str) -> Entry | None:
        """The mailbox of this id, as of now."""
        self.settle()
        return self._entries.get(id_)

    def of_address(self, address: str) -> Entry | None:
        """The latest mailbox of this address, as of now."""
        return next((entry for entry in reversed(self.all()) if entry.address == address), None)

    def usable(self, address: str) -> bool | None:
        """Whether a mailbox can be used for sending; None if the registry does not know it."""
        entry = self.of_address(address) if self._entries else None
        return None if entry is None else entry.stato == EVASA

    def available(self, address: str) -> bool:
        """Whether an address is free."""
        if address in self._taken or is_taken(address):
            return False
        return all(entry.address != address or entry.stato in _GONE for entry in self.all())

    def register(self, fields: dict[str, Any]) -> Entry:
        """Enter a new mailbox; its first year is paid.

        Raises:
            NoCredit: It cannot be paid.
        """
        self._pay(1)
        return self.put(fields, REGISTRATA)

    def put(self, fields: dict[str, Any], stato: str) -> Entry:
        """Enter a new mailbox in some state, without payment."""
        now, number = self._clock.now(), len(self._entries)
        entry = Entry(f"{int(now):08x}{_MACHINE}{number + 0xC4EEE0E:08x}", number, fields)
        self._entries[entry.id] = entry
        self.enter(entry, stato)
        return entry

    def activate(self, entry: Entry, papers: tuple[bytes, ...]) -> None:
        """Take documents; what comes of them comes later.

        Raises:
            WrongState: Neither `registrata` nor `documenti_errati`.
        """
        self.check_activatable(entry)
        now = self._clock.now()
        judgement = entry.ordered or judgement_of(entry.address, papers, earlier=entry.activations)
        entry.ordered = None
        entry.papers = papers
        entry.activations += 1
        self.enter(entry, IN_EVASIONE)
        after = self._options.activation_after if judgement.after is None else judgement.after
        entry.due = (now + after, judgement.stato)
        self.settle()

    def check_activatable(self, entry: Entry) -> None:
        """Let only those states pass in which documents are taken.

        Raises:
            WrongState: Neither `registrata` nor `documenti_errati`.
        """
        if entry.stato not in (REGISTRATA, ERRATI):
            raise WrongState

    def renew(self, entry: Entry, years: int) -> None:
        """Prolong an active mailbox, or bring a revoked one back.

        Raises:
            NoCredit: It cannot be paid.
            WrongState: Neither `evasa` nor `revocata`.
        """
        if entry.stato not in (EVASA, REVOCATA):
            raise WrongState
        self._pay(years)
        now = self._clock.now()
        entry.stamps["scadenza"] = years_later(max(now, entry.stamps.get("scadenza", 0)), years)
        entry.touch(now)
        if entry.stato == REVOCATA:
            self.enter(entry, EVASA)

    def enter(self, entry: Entry, stato: str, at: float | None = None) -> None:
        """Let a mailbox begin a state, now unless told when."""
        entry.enter(stato, self._clock.now() if at is None else at)
        self.changed(entry)

    def settle(self) -> None:
        """Bring about what is due by now."""
        now = self._clock.now()
        for entry in self._entries.values():
            while self._step(entry, now):
                pass

    def next_due(self) -> float | None:
        """Sandbox seconds from now to the next change; None if none is to come."""
        times = [entry.due[0] for entry in self._entries.values() if entry.due]
        times += [entry.expires for entry in self._entries.values() if entry.expires]
        return min(times) - self._clock.now() if times else None

    def _step(self, entry: Entry, now: float) -> bool:
        """One change that is due, if one is."""
        if entry.due and entry.due[0] <= now:
            at, stato = entry.due
            self.enter(entry, stato, at)
            return True
        if entry.expires and entry.expires <= now:
            self._expire(entry, entry.expires)
            return True
        return False

    def _expire(self, entry: Entry, at: int) -> None:
        """`autorinnovo` renews it for a year if that can be paid; else it is revoked, and can be renewed."""
        if not entry.fields.get("autorinnovo") or not self._affordable(1):
            self.enter(entry, REVOCATA, at)
            return
        self._pay(1)
        entry.stamps["scadenza"] = years_later(at, 1)
        entry.touch(at)

    def _affordable(self, years: int) -> bool:
        return self._years is None or self._years >= years

    def _pay(self, years: int) -> None:
        if not self._affordable(years):
            raise NoCredit
        if self._years is not None:
            self._years -= years


def is_id(text: str) -> bool:
    """Whether a text looks like a mailbox's id."""
    return _ID.fullmatch(text) is not None


def _unheard(_: Entry) -> None:
    """Nobody listens."""
