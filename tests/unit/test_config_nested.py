"""Values nested deeper than any setting, and numbers longer than any: refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_pec.config import load
from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.exits import ExitCode


def _refused(path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, environ=environ or {})
    assert caught.value.exit.code == ExitCode.CONFIG
    return str(caught.value)


@pytest.mark.parametrize("depth", [50, 300, 900, 3_000, 50_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ("[", ""), ("{a=", ""), ("{a=", "}"), ("a.", "=1")]
)
def test_a_value_nested_too_deeply(tmp_path: Path, depth: int, opening: str, closing: str) -> None:
    """The file is named, as for every other fault; where a thing is no TOML or no setting, that is told."""
    inner = "a" if opening == "a." else "1" if opening == "{a=" else ""
    start = "" if opening == "a." else "a="
    if opening == "a." and depth > 3_000:
        depth = 3_000  # tomllib takes a time that grows with its square
    text = f"{start}{opening * depth}{inner}{closing * (1 if opening == 'a.' else depth)}\n"
    assert str(tmp_path / "config.toml") in _refused(tmp_path / "config.toml", text)


@pytest.mark.parametrize("depth", [50, 900, 50_000])
def test_a_variable_nested_too_deeply(tmp_path: Path, depth: int) -> None:
    """The setting is named."""
    told = _refused(tmp_path / "config.toml", "", {"BULK_PEC_MAILBOXES": "[" * depth + "]" * depth})
    assert "mailboxes" in told


def test_a_number_of_too_many_digits(tmp_path: Path) -> None:
    """Python reads no whole number of more than 4,300 digits."""
    told = _refused(tmp_path / "config.toml", f"[sending]\nconcurrency = {'1' * 5_000}\n")
    assert "config.toml" in told
    variable = {"BULK_PEC_SENDING__DAYS": "1" * 5_000}
    assert "sending.days" in _refused(tmp_path / "config.toml", "", variable)
