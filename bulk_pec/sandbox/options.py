"""Everything about the sandbox that can be chosen. The defaults behave as the vendor's samples do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

FIELDS = ("sender", "recipient", "date", "subject", "body")
"""The fields of an inbox item, by their own names, whatever key they are shown under."""

_POSITIVE = ("speed", "quota_kib", "max_message_bytes", "keepalive")
_NOT_NEGATIVE = (
    "port",
    "latency",
    "slow_seconds",
    "quota_used_kib",
    "accepted_after",
    "delivered_after",
    "receipt_bytes",
    "foreign_every",
    "activation_after",
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A mailbox the sandbox knows. Without any, every mailbox and password is taken.

    Attributes:
        address: The mailbox's address.
        password: Its password.
        username: Its user name; empty means the address.
    """

    address: str
    password: str = field(repr=False)
    username: str = ""

    @classmethod
    def parse(cls, text: str) -> Credential:
        """Read ``[USERNAME=]ADDRESS:PASSWORD``.

        Raises:
            ValueError: There is no colon, or the address has no ``@``. The text is not repeated.
        """
        name, _, password = text.partition(":")
        username, _, address = name.rpartition("=")
        if "@" not in address or not password:
            raise ValueError("a mailbox is written [USERNAME=]ADDRESS:PASSWORD")
        return cls(address.strip().lower(), password, username.strip())


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """The settings of one sandbox. "Sandbox seconds" pass `speed` times as fast as real ones.

    Attributes:
        port: TCP port on 127.0.0.1; 0 lets the system choose one.
        speed: Sandbox seconds in a real second.
        start: The sandbox's time at its start, with a time zone; None means the real time.
        rate: POST /send taken in any 0.95 real seconds, all mailboxes together; beyond it 429 with
            Retry-After. Below 1 it is one in 0.95/rate seconds. None means no limit.
        latency: Real seconds every POST /send takes to answer; the message is taken at once.
        slow_seconds: Real seconds of a slow or late answer that names no time of its own.
        tokens: Bearer tokens that are taken; empty means any.
        credentials: Mailboxes that are known; empty means any.
        credit: Recipients that can be paid for; after them POST /send answers 402. None: no end.
        quota_kib: Size of a mailbox, in KiB.
        quota_used_kib: How much of it is used at the start, in KiB.
        accepted_after: Sandbox seconds from a send to its ACCETTAZIONE.
        delivered_after: Sandbox seconds from a send to its CONSEGNA (or to its non-delivery).
        receipt_bytes: Bytes of a receipt without the original message.
        foreign_every: After every so many sends, one foreign mail comes in; 0 means none.
        page_base: Number of the inbox's first page, 0 or 1. With 1, page 0 equals page 1.
        newest_first: The order of the inbox; False means oldest first.
        total_offset: Added to the inbox's true `total`, to make it wrong.
        shifting_ids: Item ids are positions, which shift after a delete; else they never change.
        single_as_list: GET /inbox/{id} wraps its item in a list.
        quoted_names: Every sender and recipient is quoted and followed by a blank.
        date_comments: Every second date ends in a comment such as ``(CEST)``.
        other_keys: Every second item uses the other name of its keys (`data`, `subject`, `message`).
        broken_text: Characters beyond ASCII are shown as U+FFFD.
        encoded_subjects: Subjects beyond ASCII are shown as RFC 2047 words.
        null_fields: Fields (see `FIELDS`) that are always null.
        max_message_bytes: Largest POST body; beyond it 413.
        keepalive: Real seconds an idle connection is kept open.
        seed: Of the random source behind faults with a probability.
        activation_after: Sandbox seconds from a mailbox's documents to what comes of them.
        registry_credit: Years of a mailbox that can be paid for, the first included; after them the registry
            answers 402. None: no end.
        registry_tokens: Bearer tokens that the registry takes, if not those of `tokens`; empty means those.
        taken_names: Addresses that somebody else has.
        own_domains: Domains of the account, beside the vendor's and all example domains.
        mailbox_password: Of mailboxes that the registry activated, where `credentials` are named; empty
            means any.
        json_slips: The registry's answers, and those of every GET, hold the slips of the vendor's samples.
        odd_envelopes: The registry's answers vary: a list of one, numbers as text, null for an empty text.
        text_errors: The registry's refusals are lines of text.
    """

    port: int = 0
    speed: float = 1.0
    start: datetime | None = None
    rate: float | None = None
    latency: float = 0.0
    slow_seconds: float = 5.0
    tokens: tuple[str, ...] = field(default=(), repr=False)
    credentials: tuple[Credential, ...] = ()
    credit: int | None = None
    quota_kib: int = 1_048_576
    quota_used_kib: int = 0
    accepted_after: float = 2.0
    delivered_after: float = 10.0
    receipt_bytes: int = 4_096
    foreign_every: int = 0
    page_base: int = 1
    newest_first: bool = True
    total_offset: int = 0
    shifting_ids: bool = False
    single_as_list: bool = False
    quoted_names: bool = False
    date_comments: bool = False
    other_keys: bool = False
    broken_text: bool = False
    encoded_subjects: bool = False
    null_fields: tuple[str, ...] = ()
    max_message_bytes: int = 100 * 1024 * 1024
    keepalive: float = 75.0
    seed: int = 0
    activation_after: float = 5.0
    registry_credit: int | None = None
    registry_tokens: tuple[str, ...] = field(default=(), repr=False)
    taken_names: tuple[str, ...] = ()
    own_domains: tuple[str, ...] = ()
    mailbox_password: str = field(default="", repr=False)
    json_slips: bool = False
    odd_envelopes: bool = False
    text_errors: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            ValueError: Names the setting.
        """
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        for name in _NOT_NEGATIVE:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be below 0")
        if self.rate is not None and self.rate <= 0:
            raise ValueError("rate must be above 0")
        if self.registry_credit is not None and self.registry_credit < 0:
            raise ValueError("registry_credit must not be below 0")
        if self.page_base not in (0, 1):
            raise ValueError("page_base must be 0 or 1")
        if self.start is not None and self.start.tzinfo is None:
            raise ValueError("start must carry a time zone")
        if unknown := set(self.null_fields) - set(FIELDS):
            raise ValueError(f"null_fields: unknown {', '.join(sorted(unknown))}")
