"""The archive as an operator meets it: written by `run`, checked by `archive verify`, cleared if wanted."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.commands import ADDRESS, Shell, good, refused, seen

ARCHIVED = '[receipts]\narchive = "archivio"\n'
CLEARED = f"{ARCHIVED}delete_after_archive = true\nsigned_originals_kept_elsewhere = true\n"


def _files(shell: Shell) -> list[Path]:
    return sorted((shell.home / "archivio").rglob("*.txt"))


def _mails(provider: str) -> int:
    headers = {"Authorization": "Bearer x", "x-username": ADDRESS, "x-password": "x"}
    return int(httpx.get(f"{provider}/inbox?page=1", headers=headers).json()["total"])


def test_run_archives_tells_causes_and_verify_finds_a_change(shell: Shell) -> None:
    """After sending every receipt is a file; the status says why and what to do; a changed file is named."""
    shell.edit("[receipts]\n", ARCHIVED)
    shell.write_list("avvisi.csv", ["info@uno.example", "mancata-casella-piena@due.example"])
    answer = shell.call("run", "avvisi.csv", "--yes")
    assert answer.code == 3, answer
    assert "mailbox full: write again later" in answer.stdout
    assert "4 receipts archived" in answer.stderr
    assert len(_files(shell)) == 4
    causes = shell.call("status", "last", "--json").document["causes"]
    assert causes == [{"cause": "mailbox_full", "messages": 1, "advice": "write again later"}]

    sound = shell.call("archive", "verify", "--json")
    assert sound.exit == (0, "complete")
    (found,) = sound.document["mailboxes"]
    assert (found["folder"], found["entries"], found["broken"]) == (ADDRESS, 4, "")
    victim = _files(shell)[0]
    victim.write_bytes(victim.read_bytes() + b"!")
    broken = shell.call("archive", "verify")
    assert broken.code == 3
    assert f"its file {victim.relative_to(shell.home / 'archivio' / ADDRESS)} was changed; " in broken.stdout
    assert "up to there" in broken.stdout
    copy = shell.call("archive", "verify", "archivio", "--json")
    assert copy.exit == (3, "attention")
    assert copy.document["held_against_ledger"] is False


def test_what_is_archived_is_deleted_if_wanted(shell: Shell, provider: str) -> None:
    """The delivered message's receipts leave the mailbox, the awaited one's stay; again changes nothing."""
    shell.edit("[receipts]\n", CLEARED)
    shell.write_list("avvisi.csv", ["info@uno.example", "non-pec@due.example"])
    answer = shell.call("run", "avvisi.csv", "--yes")
    assert answer.code == 0, answer
    assert "2 archived receipts deleted" in answer.stderr
    assert (_mails(provider), len(_files(shell))) == (1, 3)
    assert shell.call("reconcile").code == 0
    assert (_mails(provider), len(_files(shell))) == (1, 3)
    assert shell.call("archive", "verify").code == 0


def test_a_lost_archive_is_said(shell: Shell) -> None:
    """The folder is gone: the start's work is reported, and it ends with 74 and says why."""
    shell.edit("[receipts]\n", ARCHIVED)
    shell.write_list("avvisi.csv", ["info@uno.example"])
    assert shell.call("run", "avvisi.csv", "--yes").code == 0
    (shell.home / "archivio").rename(shell.home / "altrove")
    answer = shell.call("reconcile", "--json")
    assert answer.exit == (74, "io"), answer
    assert "is not the one that the ledger knows" in answer.document["error"]["what"]
    (shell.home / "archivio").rename(shell.home / "nuovo")
    (shell.home / "altrove").rename(shell.home / "archivio")
    assert shell.call("reconcile").code == 0


@pytest.mark.parametrize("command", [("run", "avvisi.csv"), ("send", "avvisi")])
def test_an_older_copy_learns_from_the_archive(shell: Shell, provider: str, command: tuple[str, ...]) -> None:
    """A restored backup, the receipts archived and deleted since: 3 before the first POST, nothing twice."""
    shell.edit("[receipts]\n", CLEARED)
    shell.write_list("avvisi.csv", [*good(3), "non-pec@tre.example"])
    assert shell.call("load", "avvisi.csv").code == 0
    assert shell.call("ledger", "backup", "copia.db").code == 0
    assert shell.call("run", "avvisi.csv", "--yes").code == 0
    assert (seen(provider)["posts"], _mails(provider)) == (4, 1)
    (shell.home / "copia.db").replace(shell.home / "ledger.db")
    for stale in shell.home.glob("ledger.db-*"):
        stale.unlink()
    answer = shell.call(*command, "--yes", "--json")
    assert answer.exit == (3, "attention"), answer
    assert answer.document["restored_at"] is not None
    assert (answer.document["messages"]["sent"], answer.document["delivery"]["delivered"]) == (4, 3)
    assert seen(provider)["posts"] == 4
    assert shell.call("archive", "verify").code == 0


def test_without_consent_nothing_is_deleted(shell: Shell) -> None:
    """Deleting needs the word that the signed originals are kept elsewhere: 78."""
    shell.edit("[receipts]\n", f"{ARCHIVED}delete_after_archive = true\n")
    shell.write_list("avvisi.csv", ["info@uno.example"])
    refused(
        shell, "run", "avvisi.csv", "--yes", ends=(78, "config"), words=["signed_originals_kept_elsewhere"]
    )


def test_verify_needs_an_archive(shell: Shell) -> None:
    """None is configured: 78; the folder named is none: 2."""
    refused(shell, "archive", "verify", ends=(78, "config"), words=["receipts.archive"])
    refused(shell, "archive", "verify", "niente", ends=(2, "usage"), words=["niente"])
