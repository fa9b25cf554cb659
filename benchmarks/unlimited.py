"""`bulk-pec` with no limit of rate, and a clock on its engine.

Usage: ``python -m benchmarks.unlimited ARGUMENTS…``, as `bulk-pec ARGUMENTS…`. The configuration takes finite
rates only, so `math.inf` is put in its place here; everything else is the real command. The last line on
stdout is a JSON document: seconds and processor seconds of `Engine.run`, from its first step to its last.
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
from bulk_pec.sending.engine import Engine
from bulk_pec.sending.options import SendOptions, Sent

_original = Engine.run
_configured = wiring.send_options


def _unlimited(config: Config, max_messages: int | None) -> SendOptions:
    return dataclasses.replace(_configured(config, max_messages), rate=math.inf)


async def _timed(engine: Engine) -> Sent:
    wall, cpu = time.perf_counter(), time.process_time()
    sent = await _original(engine)
    _took.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu, commits=sent.commits)
    return sent


_took: dict[str, Any] = {}

if __name__ == "__main__":
    setattr(wiring, "send_options", _unlimited)  # noqa: B010 - a type checker forbids the plain form
    setattr(Engine, "run", _timed)  # noqa: B010 - as above
    try:
        main()
    finally:
        print(json.dumps(_took))
