"""Work done ahead: in order, bounded, and errors where their results would have been."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bulk_pec.recipients.ahead import WORKERS, ahead


def test_results_come_in_the_order_of_the_items() -> None:
    """Even when the first item is the last to be done."""
    second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0 and WORKERS > 1:
            assert second_done.wait(30)
        if item == 1:
            second_done.set()
        return item * item

    assert list(ahead(work, range(10))) == [n * n for n in range(10)]


def test_only_a_few_items_are_taken_before_they_are_needed() -> None:
    """A slow caller holds the reader back, so memory does not grow with the list."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = ahead(lambda item: item, items())
    assert next(results) == 0
    assert WORKERS + 1 <= len(taken) <= WORKERS + 2
    results.close()


def test_an_error_comes_out_where_its_result_would_have() -> None:
    """What was good before it is not lost."""

    def work(item: int) -> float:
        return 1 / (2 - item)

    results = ahead(work, range(5))
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_no_thread_outlives_a_caller_that_stops_early() -> None:
    """Closing the results ends the workers."""
    results = ahead(lambda item: item, range(1000))
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("list", "items"))]


def test_items_are_taken_while_the_caller_is_busy() -> None:
    """Cutting a file into items is work too: it does not wait for the caller to come back."""
    ahead_of_the_caller = threading.Event()

    def items() -> Iterator[int]:
        for item in range(WORKERS + 2):
            if item == WORKERS + 1:
                ahead_of_the_caller.set()
            yield item

    results = ahead(lambda item: item, items())
    assert next(results) == 0
    assert ahead_of_the_caller.wait(30)
    assert list(results) == list(range(1, WORKERS + 2))


def test_an_error_of_the_items_comes_out_too() -> None:
    """What cannot be read is refused, though it was read in another thread."""

    def items() -> Iterator[int]:
        yield from range(20)
        raise KeyError("the file was changed")

    with pytest.raises(KeyError):
        list(ahead(lambda item: item, items()))
