"""Lists taken in without a process of their own: a folder, a configuration, a ledger in it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from support.ledgers import open_ledger

from bulk_pec.cli import wiring
from bulk_pec.cli.commands.plan import planned
from bulk_pec.cli.enquiring import Enriched, enriched
from bulk_pec.cli.examining import Examined, examine
from bulk_pec.cli.loading import load
from bulk_pec.cli.session import Session
from bulk_pec.ledger.ledger import Ledger
from bulk_pec.ledger.runs.runs import Run
from bulk_pec.planning import Plan
from bulk_pec.reporting.export import write

CONFIG = """\
[api]
base_url = "{url}"
company_url = "{url}"
registry_url = "{url}"
[[mailboxes]]
address = "ufficio@pec.example"
[recipients]
max_invalid_share = {share}
{recipients}
[message]
subject = "Avviso n. {{{{ numero }}}}"
body = {body}
"""
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Home:
    """A folder to take lists in.

    Attributes:
        folder: Where everything lies.
        recipients: Further settings of the list.
        body: The body's template, as TOML writes it.
        url: Of the services.
        share: Of invalid rows, at most.
    """

    folder: Path
    recipients: str = 'key_column = "numero"'
    body: str = field(default='"<p>Gentile {{ nome }}</p>"')
    url: str = NOWHERE
    share: float = 1.0

    def session(self) -> Session:
        """A call with these settings."""
        path = self.folder / "config.toml"
        text = CONFIG.format(url=self.url, share=self.share, recipients=self.recipients, body=self.body)
        path.write_text(text, encoding="utf-8")
        return Session(config_path=path, quiet=True)

    def write(self, text: str, name: str = "elenco.csv") -> Path:
        """A list on disk."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The folder's ledger, open for writing."""
        with open_ledger(f"sqlite:///{self.folder / 'bulk-pec.db'}") as ledger:
            yield ledger

    def load(self, ledger: Ledger, path: Path, name: str = "uno") -> Run:
        """Load a list as `load` does."""
        return load(self.session(), ledger, path, name)[0]

    def examined(self, path: Path) -> Examined:
        """Examine a list as `plan` does."""
        return examine(self.session(), path, rejects_path=None, ask=False)

    def planned(self, path: Path) -> Plan:
        """What `plan` shows of a list."""
        return planned(self.session(), self.examined(path))

    def enriched(self, ledger: Ledger | None, path: Path, *, ask: bool = False) -> Enriched:
        """A list, as far as its addresses are known."""
        session = self.session()
        letters = wiring.composer(session.config())
        return enriched(session, ledger, wiring.recipient_list(session.config(), path, letters), ask=ask)

    def exported(self, ledger: Ledger, run: Run) -> list[dict[str, str]]:
        """Every line of a run's export, by column."""
        out = self.folder / "results.csv"
        write(out, run.columns, ledger.views.rows(run), excel=False)
        return list(csv.DictReader(StringIO(out.read_text(encoding="utf-8"), newline="")))
