"""The sandbox's command line, for a process of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bulk_pec.sandbox.options import FIELDS, Credential, SandboxOptions

_NUMBERS: dict[str, tuple[type[float], str]] = {
    "port": (int, "TCP port on 127.0.0.1; 0 = a free one"),
    "speed": (float, "sandbox seconds in a real second"),
    "rate": (float, "POST /send a second; beyond it 429 (default: no limit)"),
    "latency": (float, "seconds every POST /send takes to answer"),
    "slow-seconds": (float, "seconds of a slow answer"),
    "credit": (int, "recipients that can be paid for; then 402 (default: no end)"),
    "quota-kib": (int, "size of a mailbox in KiB"),
    "quota-used-kib": (int, "how much of it is used at the start"),
    "accepted-after": (float, "sandbox seconds to an ACCETTAZIONE"),
    "delivered-after": (float, "sandbox seconds to a CONSEGNA"),
    "receipt-bytes": (int, "bytes of a receipt without the original message"),
    "foreign-every": (int, "one foreign mail after so many sends; 0 = none"),
    "page-base": (int, "number of the inbox's first page, 0 or 1"),
    "total-offset": (int, "added to the inbox's total, to make it wrong"),
    "max-message-bytes": (int, "largest POST body; beyond it 413"),
    "keepalive": (float, "seconds an idle connection is kept open"),
    "seed": (int, "of the random source behind faults with a probability"),
    "activation-after": (float, "sandbox seconds from a mailbox's documents to what comes of them"),
    "registry-credit": (int, "years of a mailbox that can be paid for; then 402 (default: no end)"),
}
_SWITCHES = {
    "shifting-ids": "item ids are positions, which shift after a delete",
    "single-as-list": "GET /inbox/{id} wraps its item in a list",
    "quoted-names": "names are quoted and followed by a blank",
    "date-comments": "every second date ends in a comment",
    "other-keys": "every second item uses the other names of its keys",
    "broken-text": "characters beyond ASCII are shown as U+FFFD",
    "encoded-subjects": "subjects beyond ASCII are RFC 2047 words",
    "json-slips": "JSON as in the vendor's samples: trailing commas, a key without a value",
    "odd-envelopes": "the registry's answers vary: a list of one, numbers as text, nulls",
    "text-errors": "the registry's refusals are lines of text",
}
_LISTS = {
    "token": ("tokens", "a Bearer token that is taken"),
    "registry-token": ("registry_tokens", "a Bearer token that the registry takes (default: --token's)"),
    "taken": ("taken_names", "an address that somebody else has"),
    "own-domain": ("own_domains", "a domain of the account"),
}


def parser() -> argparse.ArgumentParser:
    """The command line's parser; its defaults are those of `SandboxOptions`."""
    line = argparse.ArgumentParser(
        prog="python -m bulk_pec.sandbox",
        description="A simulated provider on localhost. Prints its address first. See docs/sandbox.md.",
        argument_default=argparse.SUPPRESS,
    )
    for name, (kind, words) in _NUMBERS.items():
        line.add_argument(f"--{name}", type=kind, help=words)
    for name, words in _SWITCHES.items():
        line.add_argument(f"--{name}", action="store_true", help=words)
    line.add_argument("--oldest-first", dest="newest_first", action="store_false", help="order of the inbox")
    line.add_argument("--start", type=_moment, help="sandbox time at the start, ISO 8601 (default: now)")
    for name, (setting, words) in _LISTS.items():
        line.add_argument(f"--{name}", dest=setting, action="append", help=words)
    line.add_argument("--mailbox-password", help="of mailboxes that the registry activated (default: any)")
    line.add_argument(
        "--mailbox",
        dest="credentials",
        action="append",
        type=_credential,
        metavar="[USERNAME=]ADDRESS:PASSWORD",
        help="a mailbox that is known (default: any)",
    )
    line.add_argument("--null-field", dest="null_fields", action="append", choices=FIELDS, help="always null")
    return line


def parse(arguments: Sequence[str] | None = None) -> SandboxOptions:
    """The settings a command line asks for; exits with 2 where argparse does."""
    line = parser()
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(line.parse_args(arguments)).items()
    }
    try:
        return SandboxOptions(**chosen)
    except ValueError as wrong:
        line.error(str(wrong))


def _credential(text: str) -> Credential:
    try:
        return Credential.parse(text)
    except ValueError as wrong:
        # argparse would repeat the text of a ValueError's argument, and it holds a password.
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
