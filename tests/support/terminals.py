"""The real command at a terminal, where somebody types."""

from __future__ import annotations

import os
import pty
import subprocess

from support.commands import Shell


def on_terminal(shell: Shell, *arguments: str, keys: str) -> tuple[int, str]:
    """Run a command on a terminal on which these keys are typed; its exit code and all that was shown."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [*shell.command, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=shell.home,
            env=shell.environment(),
        ) as process:
            os.close(theirs)
            os.write(ours, keys.encode())
            shown = b"".join(iter(lambda: _read(ours), b""))
        return process.returncode, shown.decode()
    finally:
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # nobody has the other end open any more
        return b""
