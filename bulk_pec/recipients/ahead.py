"""Work done ahead on the other cores, in order and in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = min(os.cpu_count() or 1, 4)
"""Threads. Polars leaves Python's lock while it works, so more cores than one are of use; few are enough."""


def ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """What `work` makes of each item, in the order of the items, some of them while the caller is busy.

    At most two items more than there are workers are taken before they are needed, one after the other,
    each in some thread. An error that `items` or `work` raises comes out where its result would have.
    """
    source = iter(items)
    with (
        ThreadPoolExecutor(1, thread_name_prefix="items") as taking,
        ThreadPoolExecutor(WORKERS, thread_name_prefix="list") as pool,
    ):
        waiting: deque[Future[Result]] = deque()
        coming = taking.submit(_next, source)
        while (item := coming.result()) is not None:
            coming = taking.submit(_next, source)
            waiting.append(pool.submit(work, *item))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    """The next item; None if there is none."""
    return next(((item,) for item in items), None)
