"""The ledger's URL: made absolute for the ledger, masked for people."""

from __future__ import annotations

import re
from pathlib import Path

from bulk_pec.config.values import at_home
from bulk_pec.domain.errors import ConfigError

_PASSWORD_OPTION = re.compile(r"(?<=[?&])((?:ssl)?password=)[^&]*", re.IGNORECASE)


def absolute(url: str, base_dir: Path) -> str:
    """The URL with a SQLite file's path absolute, and Postgres' driver named.

    Args:
        url: A checked `ledger.url`.
        base_dir: What a relative path is relative to; absolute.

    Raises:
        ConfigError: The path holds a question mark, which would begin the URL's options; or see `at_home`.
    """
    scheme, _, rest = url.partition("://")
    if scheme.startswith("postgresql"):
        return f"postgresql+psycopg://{rest}"
    path = base_dir / at_home(rest.removeprefix("/"))
    if "?" in str(path):
        raise ConfigError(
            f"The ledger's path {path} holds a question mark.", hint="Set ledger.url to another directory."
        )
    return f"sqlite:///{path}"


def files(url: str) -> list[Path]:
    """The files of a SQLite ledger, whether or not they are there; none of a Postgres one.

    Args:
        url: As `absolute` gives it.
    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite":
        return []
    return [Path(path + ending) for ending in ("", "-wal", "-shm", "-journal", ".lock")]


def masked(url: str) -> str:
    """The URL with every password in it replaced; it hides too much rather than too little."""
    scheme, _, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return url
    rest = _PASSWORD_OPTION.sub(r"\1***", rest)
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}"
