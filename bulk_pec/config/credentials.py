"""Secrets: read when they are asked for, from a variable or a file, and never shown."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.letters import Secret


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """A secret in an environment variable.

    Attributes:
        key: The setting that names the variable: ``api.token_env``.
        name: The variable.
    """

    key: str
    name: str

    def read(self, environ: Mapping[str, str]) -> Secret:
        """The secret.

        Raises:
            ConfigError: The variable is not set, is empty, or holds control characters.
        """
        value = environ.get(self.name, "")
        if not value:
            other = self.key.removesuffix("_env") + "_file"
            raise ConfigError(
                f"{self.key} names the environment variable {self.name}, which is not set or empty.",
                hint=f"Set {self.name}, or name a file in {other}.",
            )
        return _checked(value, f"The environment variable {self.name} ({self.key})")


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret in a file; one newline at its end is not part of it.

    Attributes:
        key: The setting that names the file: ``api.token_file``.
        path: The file, absolute.
    """

    key: str
    path: Path

    def read(self, environ: Mapping[str, str]) -> Secret:
        """The secret.

        Raises:
            ConfigError: The file cannot be read, is empty, is not UTF-8, or holds control characters.
        """
        where = f"{self.path} ({self.key})"
        try:
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{where} cannot be read: {error.strerror}.", hint=f"Mend {self.key} or the file."
            ) from None
        except UnicodeDecodeError:
            # From None: the decoder's error holds the file's bytes.
            raise ConfigError(f"{where} is not UTF-8 text.", hint="Write the secret as plain text.") from None
        value = text.removesuffix("\n")
        if not value:
            raise ConfigError(f"{where} is empty.", hint="Write the secret into it.")
        return _checked(value, where)

    def warnings(self) -> list[str]:
        """That every user of this machine can read the file, if so. A missing file is told by `read`."""
        return [f"{self.key}: {told}"] if (told := world_readable(self.path)) else []


SecretSource = SecretVariable | SecretFile


def world_readable(path: Path) -> str | None:
    """A sentence when every user of this machine can read the file; None when not, or when it is missing."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return f"{path} can be read by every user; chmod 600 it." if mode & stat.S_IROTH else None


def _checked(value: str, where: str) -> Secret:
    """The secret, if it can travel in a header or a request: on one line, not blank."""
    if not value.isprintable() or not value.strip():
        raise ConfigError(
            f"{where} is blank, or holds line breaks or control characters.", hint="Write it on one line."
        )
    return Secret(value)
