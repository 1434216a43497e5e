"""One call: sent, answered, read while the answer comes.

Owns: the task that reads, how far it may run ahead, and the endings: done, failed, too late, closed by us. Refuses to know:
HTTP, arguments, who else calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, Self

from flightwire._frozen import value
from flightwire.client.later import Promise, Stream
from flightwire.client.refusals import FLIGHT, refusal
from flightwire.errors import CallFailedError, CallTimeoutError, ConnectionClosedError
from flightwire.wire.flight.framing import Row, RowCutter
from flightwire.wire.flight.reader import Reader

MAX_READ_AHEAD_BYTES: Final = 1024 * 1024
"""How much is read while nobody looks; then the server has to wait."""
MAX_LETTER_BYTES: Final = 64 * 1024


class Response(Protocol):
    """An answer whose body is being read.

    Attributes:
        url: what was called, without credentials.
        status: the HTTP status.
        headers: names in lower case; they may repeat.
    """

    url: str
    status: int
    headers: list[tuple[str, str]]

    async def read(self) -> bytes:
        """What has come since the last read, or b"" at the end.

        Raises:
            ConnectionClosedError: the connection broke off; what had come before was given first.
            CallTimeoutError: nothing came for too long.
        """
        ...

    def close(self) -> None:
        """Close the connection now, unless the body has ended."""
        ...


@value
class Timeouts:
    """How long a call may take.

    Attributes:
        total_s: until the last byte; None for as long as it takes.
        connect_s: until there is a connection.
        read_s: the longest silence. Flightwire's servers say something every 15 s.
    """

    total_s: float | None = None
    connect_s: float | None = 10.0
    read_s: float | None = 60.0


class Call:
    """A call in progress; made by `Client.start`. `await` it for the result.

    As a context manager, leaving the block closes its connection, which stops the action.

    Attributes:
        action: what was called.
        status: the HTTP status, once the answer has begun.
        headers: of the response; names in lower case.
        body: the bytes that have come, when the client keeps them (an ActionClient does).
    """

    def __init__(
        self,
        action: str,
        send: Callable[[], Awaitable[Response]],
        *,
        timeouts: Timeouts,
        keep_body: bool = False,
    ) -> None:
        self.action = action
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body = bytearray()
        self._send = send
        self._timeouts = timeouts
        self._keep_body = keep_body
        self._received_bytes = 0
        self._unseen_bytes = 0
        self._waiting = 0
        self._hungry: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._reader = Reader(pending=lambda: Promise(self), stream=lambda: Stream(self))
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"call of {action}")
        self._task.add_done_callback(self._ended)

    # --- for its owner -------------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, Any]:
        """The result; what it has promised may come later."""
        root: Any = self._reader.root
        return root.__await__()  # type: ignore[no-any-return]  # it is a Promise

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return not self._task.done()

    @property
    def rows(self) -> list[Row]:
        """The rows that have come, as (id, tag, payload)."""
        return list(RowCutter().feed(bytes(self.body)))

    async def finished(self) -> None:
        """Wait until the whole answer has come, or the call has failed; what failed is told by what is awaited."""
        self._waiting += 1  # nothing holds it up from now on
        self._wake()
        await asyncio.wait({self._task})

    def close(self) -> None:
        """Close the connection, which stops the action; what has not come fails with a ConnectionClosedError."""
        self._task.cancel()

    async def aclose(self) -> None:
        """Close it, and wait until it is."""
        self.close()
        await asyncio.wait({self._task})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        """`<Call getAnswer 200 open>`."""
        return f"<Call {self.action} {self.status or '…'} {'open' if self.is_open else 'ended'}>"

    def when_ended(self, callback: Callable[[Call], object]) -> None:
        """Call back with this object once nothing more will come."""
        self._task.add_done_callback(lambda _: callback(self))

    # --- for what it promised ------------------------------------------------------------------------------------

    def wanted(self) -> None:
        """Somebody looks at what has come."""
        self._unseen_bytes = 0
        self._wake()

    async def wait(self, arrival: asyncio.Future[None]) -> None:
        """Wait for an arrival, and let more come meanwhile."""
        self._waiting += 1
        self._wake()
        try:
            await arrival
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        hungry, self._hungry = self._hungry, None
        if hungry is not None and not hungry.done():
            hungry.set_result(None)

    # --- reading -------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        response: Response | None = None
        try:
            async with asyncio.timeout(self._timeouts.total_s):
                response = await self._send()
                await self._receive(response)
        except TimeoutError as error:
            self._error = error if isinstance(error, CallTimeoutError) else self._too_slow(response)
        except Exception as error:
            self._error = error
        finally:
            if response is not None:
                response.close()

    async def _receive(self, response: Response) -> None:
        self.status = response.status
        self.headers = _by_name(response.headers)
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != FLIGHT:
            raise refusal(self.action, response, self.headers, await self._letter(response))
        while chunk := await self._read(response):
            self._reader.feed(chunk)
            self._unseen_bytes += len(chunk)
            while self._unseen_bytes > MAX_READ_AHEAD_BYTES and not self._waiting:
                self._hungry = asyncio.get_running_loop().create_future()
                await self._hungry

    async def _read(self, response: Response) -> bytes:
        try:
            async with asyncio.timeout(self._timeouts.read_s):
                chunk = await response.read()
        except TimeoutError as error:
            if isinstance(error, CallTimeoutError):
                raise
            raise CallTimeoutError(
                f"The server sent nothing for {self._timeouts.read_s:g} s while '{self.action}' was answered.",
                url=response.url,
                status_code=response.status,
            ) from None
        except ConnectionClosedError as error:
            raise ConnectionClosedError(f"{self._lost()} ({error})") from None
        self._received_bytes += len(chunk)
        if self._keep_body:
            self.body += chunk
        return chunk

    async def _letter(self, response: Response) -> bytes:
        """What a refusal says, as far as it comes and is not endless."""
        letter = bytearray()
        try:
            while len(letter) < MAX_LETTER_BYTES and (piece := await self._read(response)):
                letter += piece
        except (CallFailedError, ConnectionClosedError):
            pass  # the status tells enough
        return bytes(letter[:MAX_LETTER_BYTES])

    # --- endings -------------------------------------------------------------------------------------------------

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Whatever has not come never will."""
        if task.cancelled():
            self._error = ConnectionClosedError(
                f"The call of '{self.action}' was closed here before every value had come."
            )
        elif task.exception() is not None:
            self._error = task.exception()
        self._reader.close(self._error or ConnectionClosedError(f"{self._lost()}."))

    def _lost(self) -> str:
        return (
            f"The answer to '{self.action}' ended after {self._received_bytes} bytes, before every value had come: "
            "the server or a proxy closed the connection"
        )

    def _too_slow(self, response: Response | None) -> CallTimeoutError:
        return CallTimeoutError(
            f"'{self.action}' was not answered to the end within {self._timeouts.total_s:g} s (timeout_s).",
            url="" if response is None else response.url,
            status_code=self.status,
        )


def _by_name(headers: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, content in headers:
        found[name] = f"{found[name]}, {content}" if name in found else content
    return found
