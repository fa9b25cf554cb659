"""Who gives an order: for the record."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Any

from bulk_pec.ledger.outbox.doubts import Operator


def operator(reason: str = "") -> Operator:
    """The user, host and process of this command, and the reason given."""
    user, host, process = _user(), socket.gethostname(), os.getpid()
    facts: dict[str, Any] = {"user": user, "host": host, "pid": process, "reason": reason or None}
    return Operator(f"{user}@{host}, pid {process}", facts)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}"
