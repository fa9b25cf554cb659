"""The sandbox as a server: on 127.0.0.1 only, over HTTP/1.1, without an access log."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from aiohttp import web

from bulk_pec.sandbox.clock import SandboxClock
from bulk_pec.sandbox.control import ControlDesk
from bulk_pec.sandbox.enquiries import EnquiriesDesk
from bulk_pec.sandbox.office import Office
from bulk_pec.sandbox.options import SandboxOptions
from bulk_pec.sandbox.reading import ReadingDesk
from bulk_pec.sandbox.registry import RegistryDesk
from bulk_pec.sandbox.registry_calls import Alarm, Courier
from bulk_pec.sandbox.registry_control import RegistryControl
from bulk_pec.sandbox.replies import Refused
from bulk_pec.sandbox.sending import SendingDesk

HOST = "127.0.0.1"
_BACKLOG = 1024
_GRACE = 0.2
"""Real seconds that a request in flight is given when the server stops."""


class Sandbox:
    """A running sandbox, as an async context manager.

    Args:
        options: The settings; the defaults if None.
        clock: Real seconds from any origin, never going back; a test may hand in its own.

    Attributes:
        url: ``http://127.0.0.1:PORT`` while it runs.
        office: All its state, for tests in the same process.
    """

    def __init__(
        self, options: SandboxOptions | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options or SandboxOptions()
        self.office = Office(self.options, SandboxClock(self.options.speed, self.options.start, clock))
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def advance(self, seconds: float) -> None:
        """Jump forward by so many sandbox seconds.

        Raises:
            ValueError: `seconds` is negative.
        """
        self.office.clock.advance(seconds)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.office.registry.settle)

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        self._loop = asyncio.get_running_loop()
        self._runner = web.AppRunner(
            _application(self.office),
            access_log=None,
            keepalive_timeout=self.options.keepalive,
            shutdown_timeout=_GRACE,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.options.port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        if self._runner is not None:
            await self._runner.cleanup()


def _application(office: Office) -> web.Application:
    """All the paths. One desk for each service the sandbox plays; a further service is one more desk."""
    application = web.Application(
        middlewares=[_json_errors], client_max_size=office.options.max_message_bytes
    )
    courier, alarm = Courier(), Alarm(office.registry, office.clock)
    office.registry.changed = courier.tell
    for desk in (
        SendingDesk(office),
        ReadingDesk(office),
        EnquiriesDesk(office),
        RegistryDesk(office, alarm),
        RegistryControl(office, courier, alarm),
        ControlDesk(office),
    ):
        application.add_routes(desk.routes())

    async def end(_: web.Application) -> None:
        alarm.stop()
        await courier.close()

    application.on_cleanup.append(end)
    return application


@web.middleware
async def _json_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Unknown paths and methods are answered in the provider's envelope."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return Refused(error.status, error.reason).reply().response()


def serve(options: SandboxOptions, announce: Callable[[str], None]) -> None:
    """Run a sandbox until SIGTERM or SIGINT. To be called from the main thread.

    Args:
        options: The settings.
        announce: Called once with the address, when it listens.

    Raises:
        OSError: The port is taken.
    """

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with Sandbox(options) as sandbox:
            announce(sandbox.url)
            await stop.wait()

    asyncio.run(run())


@contextmanager
def background(options: SandboxOptions | None = None) -> Iterator[Sandbox]:
    """Run a sandbox in a thread of its own while the block runs; for callers that are not async.

    Raises:
        OSError: The port is taken.
    """
    sandbox = Sandbox(options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.__aenter__(), loop).result()
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        _finish(loop)


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """End what still runs in a stopped loop, such as answers held back by a fault, and close it."""

    async def end(left: set[asyncio.Task[object]]) -> None:
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    loop.run_until_complete(end(asyncio.all_tasks(loop)))
    loop.close()
