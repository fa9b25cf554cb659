"""The locked requirements: what is installed for the program, and for its tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;]+)", re.MULTILINE)


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {package.lower(): version for package, version in _PIN.findall(text)}


def _named(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ;]", one)[0].lower() for one in requirements}


def test_every_dependency_is_pinned_for_the_program() -> None:
    """What pyproject.toml names, and what builds the project, is in requirements/runtime.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = _named(project["project"]["dependencies"]) | _named(project["dependency-groups"]["build"])
    assert wanted <= _pins("runtime.txt").keys()


def test_the_tests_run_with_the_program_s_versions() -> None:
    """requirements/dev.txt pins all of runtime.txt at the same versions, and more."""
    runtime, dev = _pins("runtime.txt"), _pins("dev.txt")
    assert runtime.items() <= dev.items()
    assert "pytest" in dev.keys() - runtime.keys()


def test_every_pin_has_hashes_and_no_file_names_an_index() -> None:
    """Pip is called with --require-hashes; where packages come from is the machine's affair."""
    for name in ("runtime.txt", "dev.txt", "peers.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert all("--hash=sha256:" in block for block in blocks), name
        assert "://" not in text
        assert "index-url" not in text
