"""Free-mail providers whose own domains hold no certified mailbox.

Some of them sell certified mail too, but under domains of its own (``pec.libero.it``, ``pec.tiscali.it``):
only the domain itself is meant here, none below it.
"""

from __future__ import annotations

DOMAINS = frozenset(
    {
        # Italian
        *("alice.it", "blu.it", "fastwebnet.it", "giallo.it", "infinito.it", "inwind.it", "iol.it"),
        *("katamail.com", "libero.it", "supereva.it", "teletu.it", "tim.it", "tin.it", "tiscali.it"),
        *("tiscalinet.it", "virgilio.it", "vodafone.it"),
        # of everywhere
        *("aol.com", "aol.it", "fastmail.com", "gmail.com", "gmail.it", "gmx.com", "gmx.de"),
        *("gmx.net", "googlemail.com", "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.es"),
        *("hotmail.fr", "hotmail.it", "icloud.com", "live.com", "live.it", "mac.com", "mail.com"),
        *("mail.ru", "me.com", "msn.com", "outlook.com", "outlook.de", "outlook.es", "outlook.fr"),
        *("outlook.it", "pm.me", "proton.me", "protonmail.com", "rocketmail.com", "yahoo.co.uk"),
        *("yahoo.com", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.it", "yandex.com", "ymail.com"),
    }
)
"""Lower-case domain names."""


def is_free_mail(address: str) -> bool:
    """Whether an address is at one of `DOMAINS`, in any case."""
    return address.rpartition("@")[2].lower() in DOMAINS
