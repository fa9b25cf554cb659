"""Keeping secrets out of what people read: the provider's words may repeat what it was sent."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import orjson

from bulk_pec.domain.letters import Mailbox, Secret

LONGEST = 500
"""Characters of a detail that is kept; the ledger's column and `Outcome.detail` allow no more."""

_MASK = "***"


class Veil:
    """Replaces secrets in a text by ``***``, in the spellings in which a server may repeat them.

    Args:
        secrets: What to mask; blank ones are left out, since they would match everywhere.
    """

    __slots__ = ("_masked", "_secrets")

    def __init__(self, *secrets: Secret) -> None:
        self._secrets = secrets
        self._masked: list[Secret] | None = None

    @classmethod
    def over(cls, token: Secret, mailbox: Mailbox) -> Veil:
        """A veil over the token and a mailbox's credentials; its address is no secret."""
        username = mailbox.username.reveal().strip().casefold()
        known = username == mailbox.address.strip().casefold()
        return cls(token, mailbox.password, *(() if known else (mailbox.username,)))

    def __call__(self, text: str) -> str:
        """`text` for people: secrets masked, control characters gone, blanks collapsed, at most 500 long.

        Masked twice, before and after the tidying, since either may bring a secret to light; and
        before the cut, which could leave the half of one.
        """
        tidy = " ".join("".join(char if _shows(char) else " " for char in self._mask(text)).split())
        masked = self._mask(tidy)
        return masked if len(masked) <= LONGEST else masked[: LONGEST - 1] + "…"

    def _mask(self, text: str) -> str:
        if self._masked is None:  # spelled out only now: most messages need no veil
            self._masked = _all_spellings(self._secrets)
        for spelling in self._masked:
            text = text.replace(spelling.reveal(), _MASK)
        return text

    def __repr__(self) -> str:
        return "Veil(***)"


def _shows(char: str) -> bool:
    """Whether a character may be shown: printable, so no control, no direction mark, no surrogate."""
    return char.isprintable()


def _all_spellings(secrets: tuple[Secret, ...]) -> list[Secret]:
    """Every spelling of every secret, the longest first: a short one may be part of a longer one."""
    plain = [secret.reveal() for secret in secrets if secret.reveal().strip()]
    spellings = {form for secret in plain for form in _spellings(secret)}
    return [Secret(form) for form in sorted(spellings, key=len, reverse=True)]


def _spellings(secret: str) -> set[str]:
    raw = secret.encode("utf-8", "replace")
    clean = raw.decode("utf-8")
    in_html = _in_html(clean)
    return {
        secret,
        " ".join(secret.split()),
        *in_html,
        *(form for text in (clean, *in_html) for form in _in_json(text)),
        *_in_urls(clean),
        base64.b64encode(raw).decode(),
        raw.decode("latin-1"),  # a server that reads headers as latin-1 repeats them so
    }


def _in_html(text: str) -> set[str]:
    """As HTML libraries escape it: all mask ``&<>``, and quotes in their own ways (PHP ``&#039;``) or not."""
    bare = html.escape(text, quote=False)
    double = [bare, *(bare.replace('"', code) for code in ("&quot;", "&#34;"))]
    single = ("'", "&#x27;", "&#039;", "&#39;", "&apos;")
    return {form.replace("'", code) for form in double for code in single}


def _in_json(text: str) -> set[str]:
    r"""As JSON libraries escape it: beyond ASCII or not, ``/`` (PHP) or not, ``<>&'"`` (Go, .NET) or not."""
    forms = {json.dumps(text)[1:-1], orjson.dumps(text).decode()[1:-1]}
    forms |= {form.replace('\\"', "\\u0022") for form in forms}
    forms |= {
        form.translate({ord(char): code % ord(char) for char in chars})
        for form in forms
        for chars in ("<>&", "<>&'")
        for code in ("\\u%04x", "\\u%04X")  # PHP writes these in capitals, and letters beyond ASCII not
    }
    forms |= {_CODE.sub(lambda code: "\\u" + code[1].upper(), form) for form in forms}
    return forms | {form.replace("/", "\\/") for form in forms}


def _in_urls(text: str) -> set[str]:
    """Percent-encoded (RFC 3986, 2.1: in either case), a blank also as ``+``; JavaScript spares more."""
    forms = {quote(text, safe=""), quote_plus(text), quote(text), quote(text, safe="!'()*")}
    return forms | {_PERCENT.sub(lambda code: code[0].lower(), form) for form in forms}


_CODE = re.compile(r"\\u([0-9a-f]{4})")
_PERCENT = re.compile("%[0-9A-F]{2}")
