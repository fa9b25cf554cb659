"""`bulk-pec` with no limit of rate, and a clock on its engine.

Usage: ``python -m benchmarks.unlimited ARGUMENTS…``, as `bulk-pec ARGUMENTS…`. The configuration takes finite
rates only, so `math.inf` is put in its place here; and the receiver has no receipts, so the engine is told
that they come at once: it would wait for the first of them, to learn what they take up. Everything else is
the real command. The last line on stdout is a JSON document: seconds and processor seconds of `Engine.run`,
from its first step to its last, and how many of the latter the ledger's thread had, and the composing of
letters and bodies.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from typing import Any

from bulk_pec.cli import wiring
from bulk_pec.cli.main import main
from bulk_pec.config import Config
from bulk_pec.provider import payload
from bulk_pec.sending.committer import LedgerThread
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.options import SendOptions, Sent
from bulk_pec.sending.writer import Writer

_original = Engine.run
_called = LedgerThread.call
_configured = wiring.send_options


def _unlimited(config: Config, max_messages: int | None) -> SendOptions:
    return dataclasses.replace(_configured(config, max_messages), rate=math.inf, receipts_lag=0.0)


async def _timed(engine: Engine) -> Sent:
    wall, cpu = time.perf_counter(), time.process_time()
    sent = await _original(engine)
    _took.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, commits=sent.commits)
    return sent


def _clocked(owner: Any, name: str, part: str) -> None:
    """Add up the processor time of a function's own thread while it runs."""
    original = getattr(owner, name)

    def clocked(*args: Any, **kwargs: Any) -> Any:
        begun = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            _took[part] += time.thread_time() - begun

    setattr(owner, name, clocked)


async def _clocked_letter(writer: Writer, draft: Any) -> Any:
    """Without attachments a letter is written without a pause, so this thread's clock is its own."""
    begun = time.thread_time()
    try:
        return await _letter(writer, draft)
    finally:
        _took["composing"] += time.thread_time() - begun


async def _clocked_call(thread: LedgerThread, function: Any, *args: Any, **kwargs: Any) -> Any:
    def clocked() -> Any:
        begun = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            _took["ledger"] += time.thread_time() - begun

    return await _called(thread, clocked)


_letter = Writer.letter
_took: dict[str, Any] = {"ledger": 0.0, "composing": 0.0}

if __name__ == "__main__":
    setattr(wiring, "send_options", _unlimited)  # noqa: B010 - a type checker forbids the plain form
    setattr(Engine, "run", _timed)  # noqa: B010 - as above
    setattr(LedgerThread, "call", _clocked_call)  # noqa: B010 - as above
    setattr(Writer, "letter", _clocked_letter)  # noqa: B010 - as above
    _clocked(Writer, "draft", "composing")
    _clocked(payload, "encode", "composing")
    try:
        main()
    finally:
        print(json.dumps(_took))
