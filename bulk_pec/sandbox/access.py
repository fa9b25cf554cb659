"""Who may do what: the Bearer token, the mailbox's credentials, the wallet and the permitted rate."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.replies import Refused
from bulk_pec.sandbox.submission import Submission

WINDOW = 0.95
"""Real seconds in which no more than the rate is taken: a second, less what a network may squeeze."""


class Access:
    """The gate before every call.

    Args:
        options: Says which tokens and mailboxes are known; none named means any is taken.

    Attributes:
        usable: Whether the registry lets a mailbox be used; None if it does not know the address, as one
            that was bought elsewhere.
    """

    def __init__(self, options: SandboxOptions) -> None:
        self._tokens = frozenset(options.tokens)
        self._known = {
            (entry.username or entry.address).lower(): (entry.address, entry.password)
            for entry in options.credentials
        }
        self._addresses: dict[str, str] = {}
        self._credit = options.credit
        self._registry_tokens = frozenset(options.registry_tokens)
        self._mailbox_password = options.mailbox_password
        self.usable: Callable[[str], bool | None] = _unknown

    def check_token(self, headers: Mapping[str, str]) -> None:
        """Let only a known Bearer token pass.

        Raises:
            Refused: 401.
        """
        token = _token(headers)
        if self._tokens and token not in self._tokens:
            raise Refused(401)

    def check_registry_token(self, headers: Mapping[str, str]) -> None:
        """Let only a token pass that the registry takes.

        Raises:
            Refused: 401; 403 for a token that only the other host takes.
        """
        if not self._registry_tokens:
            self.check_token(headers)
        elif _token(headers) not in self._registry_tokens:
            self.check_token(headers)
            raise Refused(403)

    def mailbox(self, headers: Mapping[str, str]) -> str:
        """The address of the mailbox that a GET or DELETE names in its headers.

        Raises:
            Refused: 401; token or credentials.
        """
        self.check_token(headers)
        return self._authenticated(headers.get("x-username", ""), headers.get("x-password", ""))

    def check_sender(self, submission: Submission) -> str:
        """The address of the mailbox that a POST /send is sent from.

        Raises:
            Refused: 401 for wrong credentials; 400 if the sender is another than their mailbox.
        """
        username, sender = submission.username.lower(), submission.sender.lower()
        if not self._known and "@" not in username:
            # With any credentials taken, a user name that is no address belongs to its first sender.
            self._addresses.setdefault(username, sender)
        if self._authenticated(submission.username, submission.password) != sender:
            raise Refused(400)
        return sender

    def _authenticated(self, username: str, password: str) -> str:
        name = username.strip().lower()
        if not name or not password:
            raise Refused(401)
        address = self._address(name, password)
        if self.usable(address) is False:
            raise Refused(401)
        return address

    def _address(self, name: str, password: str) -> str:
        """The address of a mailbox; a user name that is none of `credentials` may be one of the registry."""
        if not self._known:
            return self._addresses.get(name, name)
        if name not in self._known and self.usable(name):
            address, expected = name, self._mailbox_password or password
        else:
            address, expected = self._known.get(name, ("", ""))
        if password != expected:
            raise Refused(401)
        return address

    def check_credit(self, recipients: int) -> None:
        """Let pass what the wallet can pay for.

        Raises:
            Refused: 402.
        """
        if self._credit is not None and self._credit < recipients:
            raise Refused(402)

    def pay(self, recipients: int) -> None:
        """Take the price of a message from the wallet."""
        if self._credit is not None:
            self._credit -= recipients


def _token(headers: Mapping[str, str]) -> str:
    """The Bearer token.

    Raises:
        Refused: 401; there is none.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401)
    return token.strip()


def _unknown(_: str) -> None:
    """No registry knows any address."""


class Rate:
    """At most so many requests a second, counted over `WINDOW`.

    Args:
        per_second: The rate; None means no limit.
    """

    def __init__(self, per_second: float | None) -> None:
        self._most = 0 if per_second is None else max(1, math.floor(per_second))
        self._window = 0.0 if per_second is None else WINDOW * max(1.0, 1 / per_second)
        self._taken: deque[float] = deque()

    def check(self, now: float) -> None:
        """Count a request at `now` (real seconds).

        Raises:
            Refused: 429 with Retry-After in whole seconds; the request does not count.
        """
        if not self._most:
            return
        while self._taken and self._taken[0] <= now - self._window:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            wait = max(1, math.ceil(self._taken[0] + self._window - now))
            raise Refused(429, headers={"Retry-After": str(wait)})
        self._taken.append(now)
