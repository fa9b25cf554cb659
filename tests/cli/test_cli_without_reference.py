"""A run whose subject carries no reference: its receipts are matched by the provider's message_id."""

from __future__ import annotations

from pathlib import Path

from support.commands import Shell, check_status, good, seen

from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.server import background

RUN = ("run", "avvisi.csv", "--yes", "--json")


def test_all_are_delivered_and_the_doubt_is_held(tmp_path: Path) -> None:
    """Three messages are delivered; of the one whose answer was lost no receipt can say anything.

    Their subject holds an accent and begins like a receipt; the provider shows it encoded. What is told of
    it rests on what was sent, not on what the configuration has become since.
    """
    options = SandboxOptions(accepted_after=0, delivered_after=0, encoded_subjects=True)
    with background(options) as provider:
        shell = Shell.settled(tmp_path / "home", provider.url)
        shell.edit('subject = "Avviso', 'reference = ""\nsubject = "Consegna: società, avviso')
        shell.edit("settle_after", 'on_in_doubt = "hold"\nsettle_after')
        shell.write_list("avvisi.csv", [*good(3), "errore-500@quattro.example"])
        ended = shell.call(*RUN)
        assert ended.exit == (3, "attention"), ended
        document = ended.document
        check_status(document)
        assert (document["messages"]["sent"], document["messages"]["in_doubt"]) == (3, 1)
        assert document["delivery"]["delivered"] == 3
        assert document["receipts"]["matched"] == 6
        assert seen(provider.url)["posts"] == 4

        told = shell.call("explain", "errore-500@quattro.example")
        assert "No receipt can end the doubt" in told.stdout, told
        assert shell.call("settle", "avvisi", "--sent").code == 0
        told = shell.call("explain", "errore-500@quattro.example")
        assert "No receipt can be matched with it" in told.stdout, told
        assert "on the operator's word" in told.stdout
        assert "HTTP 201" not in told.stdout

        shell.edit('reference = ""\n', "")
        again = shell.call("explain", "errore-500@quattro.example")
        assert "No receipt can be matched with it" in again.stdout, again

        shell.edit('subject = "Consegna', 'reference = ""\nsubject = "Consegna')
        shell.edit('on_in_doubt = "hold"\n', "")
        refused = shell.call("reconcile", "avvisi", "--json")
        assert refused.exit == (78, "config"), refused
        assert 'only sending.on_in_doubt = "hold"' in refused.stderr
