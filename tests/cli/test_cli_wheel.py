"""The wheel, installed where no checkout can be seen: everything that ships is inside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.commands import SECRETS, Shell, check_status, seen

CHECKOUT = Path(__file__).parents[2]
SHIPPED = ("migrations", "samples", "config.example.toml")
CODE = "import bulk_pec, bulk_pec.shipped as s; print(bulk_pec.__file__); print(s.path('migrations'))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    build = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(folder), str(CHECKOUT)]
    subprocess.run(build, check=True, cwd=folder)
    (built,) = folder.glob("bulk_pec-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, and nothing else."""
    target = tmp_path_factory.mktemp("installed") / "site"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return target


def test_wheel_holds_what_ships_and_no_more(wheel: Path) -> None:
    """Code, migrations, samples and the example configuration as in the checkout; no tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        folders = {name.split("/", 1)[0] for name in names}
        assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"bulk_pec"}
        for source in SHIPPED:
            path = CHECKOUT / source
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            for file in files:
                if "__pycache__" not in file.parts:
                    name = f"bulk_pec/_shipped/{file.relative_to(CHECKOUT)}"
                    assert archive.read(name) == file.read_bytes(), name
        assert "bulk_pec/py.typed" in names
        (entry,) = (name for name in names if name.endswith("/entry_points.txt"))
        assert "bulk-pec = bulk_pec.cli.main:main" in archive.read(entry).decode()


def test_everything_works_from_the_wheel(installed: Path, tmp_path: Path, provider: str) -> None:
    """`init`, `ledger upgrade`, `run` and `status`, by the installed script, away from any checkout."""
    outside = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    said = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **outside},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    places = [Path(line) for line in said.stdout.decode().split()]
    assert all(place.is_relative_to(installed) for place in places), places

    home = tmp_path / "home"
    home.mkdir()
    shell = Shell(home, {**outside, **SECRETS}, (sys.executable, str(installed / "bin" / "bulk-pec")))
    assert shell.call("init", "--json").exit == (0, "complete")
    assert (home / "config.toml").read_bytes() == (CHECKOUT / "config.example.toml").read_bytes()
    made = shell.call("ledger", "upgrade", "--json")
    assert made.exit == (0, "complete"), made
    shell.edit('base_url = "https://ws.pecmassiva.com"', f'base_url = "{provider}"')
    shell.environ["BULK_PEC_API__MAX_PER_SECOND"] = "100"
    sent = shell.call("run", "avvisi.csv", "--yes", "--json", "--max-messages", "3")
    assert sent.exit == (75, "max_messages"), sent
    assert seen(provider)["posts"] == 3
    status = shell.call("status", "--json")
    assert status.exit == (0, "complete"), status
    check_status(status.document)
    version = shell.call("--version")
    assert (version.code, version.stdout) == (0, f"bulk-pec {_version(installed)}\n")


def _version(installed: Path) -> str:
    (folder,) = installed.glob("bulk_pec-*.dist-info")
    return folder.name.removeprefix("bulk_pec-").removesuffix(".dist-info")
