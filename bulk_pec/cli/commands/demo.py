"""``demo``: sandbox, sample list, a whole run and its summary, without any configuration."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from bulk_pec import shipped
from bulk_pec.cli.command import command
from bulk_pec.cli.session import Result, Session
from bulk_pec.domain.errors import ProviderUnavailable
from bulk_pec.domain.exits import Exit, Reason

_SPEED = 900
"""Sandbox seconds in a second: receipts that take ten seconds are there at once."""
_RATE = 150.0
_ROUNDS = 12

_CONFIG = """\
[ledger]
url = "sqlite:///demo.db"

[api]
base_url = "{url}"
token_file = "token"
max_per_second = {rate}

[[mailboxes]]
address = "ufficio@pecmassiva.example"
password_file = "password"

[recipients]
key_column = "numero"

[message]
subject = "Avviso n. {{{{ numero }}}}"
body_file = "avviso.html.j2"

[sending]
settle_after = "0s"

[receipts]
max_per_second = 200.0
"""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app, "demo")
    def demo(session: Session) -> Result:
        """Show it all on a simulated provider: load, send, receipts, reconcile, summary."""
        with tempfile.TemporaryDirectory(prefix="bulk-pec-demo-") as folder, _provider() as url:
            session.say(f"A simulated provider listens on {url}.")
            _prepare(session, Path(folder), url)
            return _play(session)


def _play(session: Session) -> Result:
    from bulk_pec.cli.commands.run import nightly

    sample = shipped.path("samples/avvisi.csv")
    result = nightly(session, sample, "demo", yes=True)
    for _ in range(_ROUNDS):
        if result.error is not None:
            break
        delivery = result.document["delivery"]
        if not delivery["none"] and not delivery["accepted"] and not result.document["messages"]["in_doubt"]:
            break
        time.sleep(0.5)
        session.say("Some receipts are still on their way: reading the inbox again.")
        result = nightly(session, sample, "demo", yes=True)
    if result.error is not None:
        return result
    return Result(
        result.document,
        f"{result.text}\n\nThe sample holds deliberate trouble (docs/sandbox.md): that is why some did not "
        "arrive.\nOn a real run these rows make the exit code 3; the demo itself is well.",
        Exit.of(Reason.COMPLETE if result.document["balanced"] else Reason.BUG),
    )


def _prepare(session: Session, folder: Path, url: str) -> None:
    from bulk_pec.config import load

    (folder / "config.toml").write_text(_CONFIG.format(url=url, rate=_RATE), encoding="utf-8")
    for secret in ("token", "password"):
        path = folder / secret
        path.touch(mode=0o600)
        path.write_text("demo", encoding="utf-8")
    template = shipped.path("samples/avviso.html.j2").read_text(encoding="utf-8")
    (folder / "avviso.html.j2").write_text(template, encoding="utf-8")
    session.use(load(folder / "config.toml", environ={"HOME": os.environ.get("HOME", "/")}))


@contextmanager
def _provider() -> Iterator[str]:
    """The sandbox in a process of its own; ended at the end."""
    line = [sys.executable, "-m", "bulk_pec.sandbox", "--port", "0", "--speed", str(_SPEED)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:  # noqa: S603 - our own module
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise ProviderUnavailable(
                    "The sandbox did not start.", hint="Try `bulk-pec sandbox` to see why."
                )
            yield url
        finally:
            process.terminate()
