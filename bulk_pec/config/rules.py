"""What settings demand of each other. Each rule is skipped when a setting it reads is already wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from bulk_pec.config.models import Settings
from bulk_pec.config.problems import Problem
from bulk_pec.config.sources import Origin

# An alphanumeric neighbour would make the reference part of a longer word, and unreadable in a receipt.
_STANDS_ALONE = re.compile(r"(?<![0-9A-Za-z])\{ref\}(?![0-9A-Za-z])")


def _reference(settings: Settings) -> Iterator[Problem]:
    key, reference = "message.reference", settings.message.reference
    if "{ref}" not in reference:
        if settings.sending.on_in_doubt != "hold":
            yield Problem(key, 'needs {ref}; without it only sending.on_in_doubt = "hold" is allowed')
    elif reference.count("{ref}") > 1 or not _STANDS_ALONE.search(reference):
        yield Problem(key, "must hold {ref} once, with no letter or digit beside it")


def _resend(settings: Settings) -> Iterator[Problem]:
    if settings.sending.on_in_doubt == "resend" and not settings.sending.accept_duplicates:
        text = '= "resend" may send a message twice: it needs sending.accept_duplicates = true'
        yield Problem("sending.on_in_doubt", text)


def _delete(settings: Settings) -> Iterator[Problem]:
    receipts, key = settings.receipts, "receipts.delete_after_archive"
    if receipts.delete_after_archive and receipts.archive is None:
        yield Problem(key, "needs receipts.archive")
    if receipts.delete_after_archive and not receipts.signed_originals_kept_elsewhere:
        yield Problem(key, "needs receipts.signed_originals_kept_elsewhere = true")


def _body(settings: Settings) -> Iterator[Problem]:
    message = settings.message
    if message.body is not None and message.body_file is not None:
        yield Problem("message.body", "and message.body_file are both set: keep one")
    begun = bool(message.subject or message.body or message.body_file)
    if begun and not message.subject.strip():
        yield Problem("message.subject", "is missing")
    if begun and not message.body and message.body_file is None:
        yield Problem("message.body", "is missing: set message.body or message.body_file")


def _mailboxes(settings: Settings) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, mailbox in enumerate(settings.mailboxes):
        folded = mailbox.address.casefold()
        if folded in seen:
            yield Problem(f"mailboxes.{index}.address", f'= "{mailbox.address}" is there twice')
        seen.add(folded)
        names = {"username", "username_env", "username_file"} & mailbox.model_fields_set
        if len(names) > 1:
            yield Problem(f"mailboxes.{index}", f"sets {' and '.join(sorted(names))}: keep one")
        if {"password_env", "password_file"} <= mailbox.model_fields_set:
            yield Problem(f"mailboxes.{index}", "sets password_env and password_file: keep one")


_RULES: list[tuple[set[str], Callable[[Settings], Iterator[Problem]]]] = [
    ({"message.reference", "sending.on_in_doubt"}, _reference),
    ({"sending.on_in_doubt", "sending.accept_duplicates"}, _resend),
    (
        {"receipts.archive", "receipts.delete_after_archive", "receipts.signed_originals_kept_elsewhere"},
        _delete,
    ),
    ({"message.subject", "message.body", "message.body_file"}, _body),
    ({"mailboxes"}, _mailboxes),
]


def cross_checks(settings: Settings, origins: Mapping[str, Origin], wrong: set[str]) -> list[Problem]:
    """Every rule that is broken.

    Args:
        settings: Valid settings; those that were wrong hold their default.
        origins: Where each value came from.
        wrong: Keys, and bare sections, that were wrong.
    """
    sections = {key for key in wrong if "." not in key}
    problems = [
        problem
        for keys, rule in _RULES
        if not keys & wrong and not {key.partition(".")[0] for key in keys} & sections
        for problem in rule(settings)
    ]
    return problems + ([] if "api" in sections else _token(origins))


def _token(origins: Mapping[str, Origin]) -> list[Problem]:
    named, filed = origins.get("api.token_env"), origins.get("api.token_file")
    if named and filed and named.rank == filed.rank:
        return [Problem("api.token_file", "and api.token_env are both set: keep one")]
    return []
