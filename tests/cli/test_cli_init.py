"""`init`: something to begin with, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

from support.commands import Shell, seen

CHECKOUT = Path(__file__).parents[2]
SHIPPED = {
    "config.toml": "config.example.toml",
    "avviso.html.j2": "samples/avviso.html.j2",
    "avvisi.csv": "samples/avvisi.csv",
}


def test_init_writes_what_ships_and_nothing_over_it(tmp_path: Path) -> None:
    """What ships, byte for byte; where one of the files is already there: 2, and nothing is written."""
    shell = Shell(tmp_path)
    first = shell.call("init", "uno/due", "--json")
    assert first.exit == (0, "complete"), first
    folder = tmp_path / "uno/due"
    assert sorted(first.document["files"]) == sorted(SHIPPED) == sorted(p.name for p in folder.iterdir())
    for name, source in SHIPPED.items():
        assert (folder / name).read_bytes() == (CHECKOUT / source).read_bytes(), name

    (folder / "config.toml").write_text("# mine\n", encoding="utf-8")
    (folder / "avvisi.csv").unlink()
    second = shell.call("init", "uno/due", "--json")
    assert second.exit == (2, "usage"), second
    assert "config.toml" in second.stderr
    assert "avvisi.csv" not in second.stderr
    assert (folder / "config.toml").read_text(encoding="utf-8") == "# mine\n"
    assert not (folder / "avvisi.csv").exists()

    (tmp_path / "file").touch()
    blocked = shell.call("init", "file", "--json")
    assert blocked.exit == (74, "io"), blocked
    assert "Traceback" not in blocked.stderr


def test_what_init_wrote_is_a_working_configuration(tmp_path: Path, provider: str) -> None:
    """In the current folder; then, with secrets and the address of a provider, `run` goes on with it."""
    shell = Shell(tmp_path)
    told = shell.call("init")
    assert (told.code, told.stderr) == (0, "")
    assert told.stdout.index("bulk-pec plan avvisi.csv") < told.stdout.index("bulk-pec run avvisi.csv")
    shell.environ = {
        "BULK_PEC_TOKEN": "t",
        "BULK_PEC_PASSWORD": "p",
        "BULK_PEC_API__BASE_URL": provider,
        "BULK_PEC_API__MAX_PER_SECOND": "100",
        "BULK_PEC_MAILBOXES": '[{"address": "ufficio@pec.example.com"}]',
    }
    answer = shell.call("run", "avvisi.csv", "--yes", "--json", "--max-messages", "5")
    assert answer.exit == (75, "max_messages"), answer
    assert seen(provider)["posts"] == answer.document["attempts"] == 5
