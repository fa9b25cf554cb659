"""Signals: while sending they end a start in good order, otherwise they interrupt like Ctrl-C."""

from __future__ import annotations

import signal


def obeyed() -> list[signal.Signals]:
    """SIGTERM and SIGINT; SIGHUP too, unless whoever started us (nohup) has it ignored."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if ignored else [signal.SIGHUP])]


def interrupt() -> None:
    """From here on each of them raises KeyboardInterrupt, whatever a library made of them meanwhile."""
    for number in obeyed():
        signal.signal(number, signal.default_int_handler)
