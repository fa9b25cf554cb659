"""The provider behind the counter: takes messages, numbers them, and lets receipts come back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bulk_pec.sandbox.access import Access, Rate
from bulk_pec.sandbox.clock import SandboxClock, local
from bulk_pec.sandbox.fates import Fate, Step, fate_of
from bulk_pec.sandbox.faults import FaultDesk
from bulk_pec.sandbox.mail import HOLDS_ORIGINAL, Letter, Mail, MailKind
from bulk_pec.sandbox.mailbox import Mailbox
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.registry_book import Book
from bulk_pec.sandbox.submission import Attached, Submission

_REFERENCE = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJKMNP-TV-Z]{13}(?![0-9A-Za-z])")
_EXCERPT = 500
_COUNTERS = 99


@dataclass(slots=True)
class Post:
    """What the sandbox saw of one POST /send: its own record, which no client can write.

    Attributes:
        real_at: When it began, in real seconds since the epoch.
        at: When it was read, in sandbox seconds since the epoch.
        mailbox: The sender.
        recipients: As given; empty if the request could not be read.
        subject: As given.
        reference: The last token of 13 characters in the subject that looks like one, or "".
        digest: See `Submission.digest`.
        attachments: What came with it.
        taken: Whether the message was taken.
        message_id: What it was named, if taken.
        status: The HTTP status answered; None if there was no answer (yet).
        fault: The fault that struck it, if one did.
    """

    real_at: float
    at: float
    mailbox: str = ""
    recipients: tuple[str, ...] = ()
    subject: str = ""
    reference: str = ""
    digest: str = ""
    attachments: tuple[Attached, ...] = ()
    taken: bool = False
    message_id: str | None = None
    status: int | None = None
    fault: str | None = None

    def describe(self, submission: Submission) -> None:
        """Note what was asked for; never the credentials, never the body."""
        self.mailbox = submission.sender.lower()
        self.recipients = submission.recipients
        self.subject = submission.subject
        found = _REFERENCE.findall(submission.subject)
        self.reference = found[-1] if found else ""
        self.digest = submission.digest()
        self.attachments = submission.attachments


@dataclass(slots=True)
class _Numbers:
    """Message ids of one mailbox: the second, and a counter within it that is not padded."""

    second: int = 0
    counter: int = 0

    def next(self, now: float) -> str:
        """A new id of 15 or 16 digits. A second whose counters are used up borrows from the next."""
        if int(now) > self.second:
            self.second, self.counter = int(now), 0
        elif self.counter == _COUNTERS:
            self.second, self.counter = self.second + 1, 0
        self.counter += 1
        return f"{local(self.second):%Y%m%d%H%M%S}{self.counter}"


@dataclass(slots=True)
class Office:
    """All the state of one sandbox, in memory. Used from one thread, so it needs no locks.

    Args:
        options: The settings.
        clock: The sandbox's time.
    """

    options: SandboxOptions
    clock: SandboxClock
    access: Access = field(init=False)
    rate: Rate = field(init=False)
    faults: FaultDesk = field(init=False)
    registry: Book = field(init=False)
    posts: list[Post] = field(default_factory=list, init=False)
    taken: int = field(default=0, init=False)
    mailboxes: dict[str, Mailbox] = field(default_factory=dict, init=False)
    _numbers: dict[str, _Numbers] = field(default_factory=dict, init=False)
    _struck: set[tuple[str, str]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.access = Access(self.options)
        self.rate = Rate(self.options.rate)
        self.faults = FaultDesk(self.options.seed)
        self.registry = Book(self.options, self.clock)
        self.access.usable = self.registry.usable
        for entry in self.options.credentials:
            self.mailbox(entry.address)

    def mailbox(self, address: str) -> Mailbox:
        """The mailbox of this address, made at its first mention, with what is due brought in."""
        box = self.mailboxes.get(address)
        if box is None:
            options = self.options
            box = self.mailboxes[address] = Mailbox(
                address,
                options.quota_kib * 1024,
                options.quota_used_kib * 1024,
                shifting_ids=options.shifting_ids,
            )
        box.settle(self.clock.now())
        return box

    def authenticated(self, headers: Mapping[str, str]) -> Mailbox:
        """The mailbox that a GET or DELETE may see.

        Raises:
            Refused: 401.
        """
        return self.mailbox(self.access.mailbox(headers))

    def first_strike(self, recipient: str, subject: str) -> bool:
        """Whether no fault of this recipient's local part has struck this message before."""
        key = (recipient, subject)
        if key in self._struck:
            return False
        self._struck.add(key)
        return True

    def take(self, submission: Submission, post: Post) -> str:
        """Take a message: from here on it is sent, whatever the sender is told. Returns its id."""
        now = self.clock.now()
        box = self.mailbox(post.mailbox)
        message_id = self._numbers.setdefault(post.mailbox, _Numbers()).next(now)
        subject = f"{submission.subject} {message_id}"
        letter = Letter(
            post.mailbox,
            submission.recipients,
            subject,
            subject.casefold(),
            message_id,
            submission.body[:_EXCERPT],
            submission.mail_bytes,
        )
        post.taken, post.message_id = True, message_id
        self.taken += 1
        self.access.pay(len(submission.recipients))
        self._schedule(box, letter, now)
        if self.options.foreign_every and self.taken % self.options.foreign_every == 0:
            self.bring(box, f"Newsletter {self.taken}")
        return message_id

    def _schedule(self, box: Mailbox, letter: Letter, now: float) -> None:
        fates = [(recipient, fate_of(recipient)) for recipient in letter.recipients]
        everyone = ", ".join(letter.recipients)
        refusal = next((fate.not_accepted for _, fate in fates if fate.not_accepted), None)
        if refusal is not None:
            self._due(box, letter, everyone, Step(refusal, self.options.accepted_after), now)
            return
        if not any(fate.silent for _, fate in fates):
            self._due(box, letter, everyone, Step(MailKind.ACCEPTED, self._accepted_after(fates)), now)
        for recipient, fate in fates:
            for step in fate.steps:
                self._due(box, letter, recipient, step, now)
            other = self.mailboxes.get(recipient.lower())
            if other is not None:
                self._due(other, letter, recipient, Step(MailKind.CERTIFIED), now)

    def _accepted_after(self, fates: list[tuple[str, Fate]]) -> float:
        own = [fate.accepted_after for _, fate in fates if fate.accepted_after is not None]
        return max(own, default=self.options.accepted_after)

    def _due(self, box: Mailbox, letter: Letter, about: str, step: Step, now: float) -> None:
        after = self.options.delivered_after if step.after is None else step.after
        size = self.options.receipt_bytes + (letter.size if step.kind in HOLDS_ORIGINAL else 0)
        box.schedule(Mail(step.kind, now + after, letter, about, step.reason, size))

    def bring(
        self,
        box: Mailbox,
        subject: str,
        *,
        sender: str = "rete@example.org",
        text: str = "Notizie.",
        kind: MailKind = MailKind.CERTIFIED,
        size: int = 10_000,
    ) -> None:
        """Let somebody's mail come in now."""
        letter = Letter(sender, (box.address,), subject, subject.casefold(), "", text, size)
        box.schedule(Mail(kind, self.clock.now(), letter, box.address, "", size))
