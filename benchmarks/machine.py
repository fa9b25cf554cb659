"""The facts of the machine that figures depend on; none of them names it."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks.measuring import CORES

_SYNCS = 100


def facts(folder: Path, postgres: str) -> dict[str, str]:
    """What figures depend on.

    Args:
        folder: Where the ledgers lie.
        postgres: The server's version.
    """
    return {
        "cores": f"{len(CORES)} ({_processor()})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "filesystem": f"{_filesystem(folder)}, fdatasync {_sync(folder) * 1000:.2f} ms",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Postgres": postgres,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _filesystem(folder: Path) -> str:
    """The kind of the filesystem that a folder lies on."""
    kinds: dict[Path, str] = {}
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mounted, kind, *_ = line.split()
        kinds[Path(mounted)] = kind
    place = folder.resolve()
    return next((kinds[parent] for parent in (place, *place.parents) if parent in kinds), "unknown")


def _sync(folder: Path) -> float:
    """Seconds until 4 KiB more of a file are on the disk."""
    path, taken = folder / "sync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    path.unlink()
    return statistics.median(taken)
