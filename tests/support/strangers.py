"""The command as a user who is bound by files' permissions, also where the tests run as root."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Root passes over every permission by two capabilities (capabilities(7)): the program is started without
# CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2), which PR_CAPBSET_DROP (24) keeps from it for good.
_BOUND = """\
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for capability in (1, 2):
    if libc.prctl(24, capability, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
os.execv(sys.executable, [sys.executable, "-m", "bulk_pec", *sys.argv[1:]])
"""


def bound() -> tuple[str, ...]:
    """What starts the program so that permissions hold for it: for `Shell.command`."""
    return (sys.executable, *(("-c", _BOUND) if os.geteuid() == 0 else ("-m", "bulk_pec")))


@contextmanager
def mode(path: Path, bits: int) -> Iterator[Path]:
    """A file or folder with other permissions, until the block ends."""
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    try:
        yield path
    finally:
        path.chmod(before)
