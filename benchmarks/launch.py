"""Starts one command and tells what it took: a process so small that nothing of its own shows in the figures.

Linux counts in a child's peak memory what its parent held when the child was started (the peak of the memory
that exec replaces). So a benchmark that has grown must not start what it measures itself.

Usage: ``python -I -S launch.py FACTS COMMAND…``; FACTS is a file to write.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> None:
    """Run the command, wait for it, and write when it began, how long it took, and what of the machine."""
    facts, *command = sys.argv[1:]
    began = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    told = {
        "began": began,
        "elapsed": time.monotonic() - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    Path(facts).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
