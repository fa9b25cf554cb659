"""The disk under a ledger, as a check-up sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulk_pec.checkup import disk
from bulk_pec.checkup.findings import Verdict
from bulk_pec.domain.exits import Reason

MOUNTS = r"""
/dev/vda1 / ext4 rw,relatime 0 0
server:/data /srv nfs4 rw 0 0
/dev/vdb /srv/local xfs rw 0 0
tmpfs /with\040blank tmpfs rw 0 0
first /twice ext4 rw 0 0
second /twice cifs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/user", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/ledgers/one", "nfs4"),
        ("/srv/local/ledgers", "xfs"),
        ("/srvother", "ext4"),
        ("/with blank/x", "tmpfs"),
        ("/twice", "cifs"),
    ],
)
def test_a_folders_file_system_is_the_nearest_mount(folder: str, kind: str) -> None:
    """The longest place that holds it; names with blanks; of two on one place the later."""
    assert disk.file_system(Path(folder), MOUNTS) == kind


def test_no_table_of_mounts_tells_nothing() -> None:
    """Elsewhere than on Linux: not known, and so no warning."""
    assert disk.file_system(Path("/srv"), "") == ""
    assert disk.foreign("", Path("/srv")) == []


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_a_warning(kind: str) -> None:
    """SQLite's promises do not hold on it; Postgres is named."""
    (found,) = disk.foreign(kind, Path("/srv"))
    assert found.verdict is Verdict.WARNING
    assert kind in found.what
    assert "Postgres" in found.hint
    assert disk.foreign("ext4", Path("/srv")) == []


@pytest.mark.parametrize(
    ("free", "verdict"),
    [
        (0, "failure"),
        (disk.LEAST_FREE - 1, "failure"),
        (disk.LEAST_FREE, "warning"),
        (disk.LITTLE_FREE, "ok"),
    ],
)
def test_room_on_the_disk(free: int, verdict: str) -> None:
    """Too little to begin is a failure of 74; little is a warning."""
    found = disk.room(free, Path("/srv"))
    assert found.verdict == verdict
    assert (found.reason is Reason.IO) is (verdict == "failure")


def test_a_folder_that_is_there_is_looked_at(tmp_path: Path) -> None:
    """Of a real one the free room is told, whether or not the ledger is there yet."""
    found = disk.beneath(tmp_path / "ledger.db")
    assert {one.name for one in found} == {"disk"}
    assert "GiB are free" in found[0].what
    (tmp_path / "file").touch()
    (missing,) = disk.beneath(tmp_path / "file" / "ledger.db")
    assert (missing.verdict, missing.reason) == (Verdict.FAILURE, Reason.IO)
