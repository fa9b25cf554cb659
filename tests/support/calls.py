"""The command line called in the tests' own process, against a provider on this machine."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.commands import PASSWORD, TOKEN, Answer, asked
from support.ledgers import open_ledger

from bulk_pec.cli import main
from bulk_pec.ledger.ledger import Ledger

CONFIG = """\
[ledger]
url = "{ledger}"
[api]
base_url = "{url}"
registry_url = "{url}"
timeout = 10.0
{mailboxes}
"""
MAILBOX = '[[mailboxes]]\naddress = "{address}"\n'


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with a configuration for a provider, and the commands.

    Attributes:
        folder: Where the configuration lies, and the ledger beside it.
        url: The provider's address, of both its hosts.
    """

    folder: Path
    url: str

    @classmethod
    def settled(
        cls, folder: Path, url: str, *addresses: str, ledger: str = "sqlite:///ledger.db", more: str = ""
    ) -> Desk:
        """A desk whose configuration names these mailboxes; `more` is added to it."""
        mailboxes = "\n".join(MAILBOX.format(address=address) for address in addresses)
        text = CONFIG.format(ledger=ledger, url=url, mailboxes=mailboxes) + more
        (folder / "config.toml").write_text(text, encoding="utf-8")
        return cls(folder, url)

    def call(self, *arguments: str) -> Answer:
        """Run a command to its end, without a terminal."""
        stdout, stderr = io.StringIO(), io.StringIO()
        words = [*arguments, "--config", str(self.folder / "config.toml")]
        with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
            main.app(args=words, prog_name="bulk-pec")
        code = ended.value.code
        assert isinstance(code, int)
        answer = Answer(code, stdout.getvalue(), stderr.getvalue())
        assert "Traceback" not in answer.stderr
        assert TOKEN not in answer.stdout + answer.stderr
        assert PASSWORD not in answer.stdout + answer.stderr
        return answer

    def ask(self, *arguments: str) -> Answer:
        """The same with ``--json``: stdout is one document, whose exit is the command's."""
        answer = self.call(*arguments, "--json")
        assert answer.exit[0] == answer.code
        assert answer.document["schema"] == 1
        return answer

    def put(self, address: str, stato: str, **more: Any) -> str:
        """Bring a mailbox into a state at the registry; its id."""
        body = json.dumps({"mailbox": address, "stato": stato} | more)
        return str(asked(self.url, "POST", "/_sandbox/registry", body)["id"])

    def seen(self) -> dict[str, int]:
        """How often each of the registry's calls was made."""
        return dict(asked(self.url, "GET", "/_sandbox/registry")["asked"])

    def with_ledger(self) -> Ledger:
        """The desk's ledger, made if it is not there, open for writing."""
        return open_ledger(f"sqlite:///{self.folder / 'ledger.db'}")

    @property
    def has_ledger(self) -> bool:
        """Whether there is a ledger."""
        return (self.folder / "ledger.db").exists()
