"""The two axes of a message's life, and the life of a run. See docs/semantics.md for the diagrams."""

from __future__ import annotations

from enum import StrEnum


class MessageState(StrEnum):
    """How far the sending of a message has come. The letters in the docs name the transitions."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class Delivery(StrEnum):
    """What the receipts say of a message that was sent."""

    NONE = "none"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    OVERDUE = "overdue"


class SetAside(StrEnum):
    """Why an input row never became a message."""

    INVALID = "invalid"
    DUPLICATE = "duplicate"
    SUPPRESSED = "suppressed"


class RunState(StrEnum):
    """Where a run stands. `sending` means begun and not finished, whether or not a process lives."""

    LOADED = "loaded"
    SENDING = "sending"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
