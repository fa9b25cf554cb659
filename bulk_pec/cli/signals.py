"""Signals: while sending they end a start in good order, otherwise they interrupt like Ctrl-C."""

from __future__ import annotations

import signal
import threading


def obeyed() -> list[signal.Signals]:
    """SIGTERM and SIGINT; SIGHUP too, unless whoever started us (nohup) has it ignored."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if ignored else [signal.SIGHUP])]


def interrupt() -> None:
    """From here on each of them raises KeyboardInterrupt, whatever a library made of them meanwhile."""
    for number in obeyed():
        signal.signal(number, signal.default_int_handler)


def deafen() -> None:
    """From here on none of them ends anything: what was paid for is still to be kept and told.

    Only the main thread can say so, and only it is sent signals.
    """
    if threading.current_thread() is threading.main_thread():
        for number in obeyed():
            signal.signal(number, _unheard)


def hear() -> None:
    """Undo `deafen`."""
    if signal.getsignal(signal.SIGINT) is _unheard:
        interrupt()


def _unheard(number: int, frame: object) -> None:
    """A handler of our own, not SIG_IGN: that one would be inherited by what is started meanwhile."""
