"""Outgoing HTTP: one POST, answered by a stream or by a document.

Owns: the HTTP client (the only module that knows aiohttp), its sessions, the translation of every way a connection can
fail into `APICallError`, and that leaving or cancelling closes the socket at once. Refuses to know: what is sent.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_parser import HttpResponseParser, HttpResponseParserPy

from flightwire import deadlines
from flightwire.errors import APICallError, APITimeoutError
from flightwire.providers import exchange, failures
from flightwire.providers.chunks import content_of_chunks
from flightwire.providers.exchange import Reply
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Outgoing, Timeouts
from flightwire.providers.proxies import proxy_of
from flightwire.providers.retries import with_retries
from flightwire.waiter import Waiter

__all__ = [
    "DEFAULT_TIMEOUTS",
    "Outgoing",
    "Reply",
    "Timeouts",
    "close_connections",
    "open_stream",
    "post_json",
]

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
ERROR_BODY_TIMEOUT_S = 5.0
LEAVE_TIMEOUT_S = 1.0
# Above this aiohttp warns about bytes; it writes a file object piece by piece.
_LARGE_BODY_BYTES = 1024 * 1024
_GOODBYE_TURNS = 8
_BREAKS = (aiohttp.ClientError, OSError, RuntimeError)  # RuntimeError: it was lost this very moment
_EVENT_STREAM = "text/event-stream"
_JSON = "application/json"


class _HTTPReply(Reply):
    """A response that comes over a connection."""

    __slots__ = (
        "__weakref__",
        "_call",
        "_closed",
        "_consume",
        "_is_enough",
        "_loop",
        "_protocol",
        "_read_bytes",
        "_response",
        "_waiter",
        "_waiting_since",
    )

    def __init__(self, call: Outgoing, response: aiohttp.ClientResponse) -> None:
        super().__init__(response.status, response.reason or "", _headers(response))
        self._call = call
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._waiting_since: float | None = None
        self._closed: asyncio.Future[None] | None = None
        self._waiter: Waiter[bytes] | None = None
        self._protocol: _Protocol | None = None
        self._read_bytes = 0
        self._consume: Callable[[bytes], bool] | None = None
        self._is_enough = False

    async def read(self) -> bytes:
        return await self.read_on(None) or b""

    async def read_on(self, consume: Callable[[bytes], bool] | None) -> bytes | None:
        waiter = self._waiter
        if waiter is None or self._unread:
            return await self._read_first()
        self._consume = consume
        content = self._response.content
        while (
            content.total_bytes == self._read_bytes and content.exception() is None and not content.at_eof()
        ):
            self._waiting_since = self._loop.time()
            piece = await waiter
            if piece is not None or self._is_enough:
                self._waiting_since = None
                self._is_enough = False
                return piece
        self._waiting_since = None
        self._read_bytes = content.total_bytes
        try:
            return content.read_nowait()
        except _BREAKS as error:
            return self._rest(error)

    async def _read_first(self) -> bytes:
        """What was put back, or what comes as long as a timer of the client's runs."""
        if self._unread:
            return self._read_again()
        self._waiting_since = self._loop.time()
        try:
            piece = await self._response.content.readany()
        except _BREAKS as error:
            return self._rest(error)
        self._waiting_since = None
        return piece

    def _rest(self, error: Exception) -> bytes:
        """What had arrived before the connection broke: aiohttp reports that first, and has no public way to get at the rest."""
        rest = self._response.content._read_nowait(-1)
        if rest:
            return rest
        raise _broken(self._call, error) from error

    def take(self, piece: bytes) -> None:
        """Something came while somebody waits. The hot path, run once per token."""
        waiter, consume = self._waiter, self._consume
        assert waiter is not None
        if consume is None:
            waiter.go_on(piece)
        elif consume(piece):
            self._waiting_since = self._loop.time()
        else:
            self._is_enough = True
            waiter.go_on()

    def be_patient(self) -> None:
        """From now on one timer for all looks how long a read has waited: aiohttp starts a new one with every piece.

        And whoever reads goes on in the turn in which something comes.
        """
        connection, pool = self._response.connection, _pools.get(self._loop)
        protocol = None if connection is None else connection.protocol
        if protocol is None or pool is None:
            return
        protocol.read_timeout = None
        protocol.start_timeout()  # which forgets the one that runs
        deadlines.watch(self, self._loop)
        if isinstance(protocol, _Protocol):
            self._protocol = protocol
            self._waiter = protocol.reader = Waiter(self._loop)
            protocol.reply = self
            coding = self.headers.get("content-encoding", "identity"), self.headers.get("transfer-encoding")
            protocol.body = self._response.content if coding == ("identity", "chunked") else None
            self._read_bytes = self._response.content.total_bytes

    def due(self) -> float:
        """See `Dated`: when it has been silent too long."""
        since = self._loop.time() if self._waiting_since is None else self._waiting_since
        return since + self._call.timeouts.read_s

    def overdue(self) -> None:
        """See `Dated`."""
        self._fail(aiohttp.SocketTimeoutError("Timeout on reading data from socket"))

    def _fail(self, error: Exception) -> None:
        self._response.content.set_exception(error)
        if self._waiter is not None:
            self._waiter.wake()

    def _stop_looking(self) -> None:
        self._consume = None
        deadlines.forget(self, self._loop)
        protocol, self._protocol = self._protocol, None
        if protocol is not None and self._waiter is not None and self._waiter.callback is None:
            protocol.reader = protocol.body = protocol.reply = None  # it may live long, in the pool

    # aiohttp forgets to tell a reader of the connection's end, and stops its timer, when the body is not valid HTTP (a
    # chunk size that is no number): the reader would wait for ever. Seen with 3.14.5 and its C parser.

    def end_with_connection(self) -> None:
        """See to it that a reader of the body hears of the connection's end."""
        content, connection = self._response.content, self._response.connection
        protocol = connection and connection.protocol
        if protocol is None or content.is_eof():
            return
        self._closed = closed = protocol.closed
        if closed is None:
            self._connection_ended(None)
            return
        closed.add_done_callback(self._connection_ended)
        closed.remove_done_callback(_take_note)  # once per connection, however many responses came on it
        closed.add_done_callback(_take_note)
        content.on_eof(self._body_ended)

    def _connection_ended(self, _: object) -> None:
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            self._fail(aiohttp.ClientPayloadError("the connection was lost"))

    def _body_ended(self) -> None:
        if self._closed is not None:
            self._closed.remove_done_callback(self._connection_ended)

    def close(self) -> None:
        """Close the connection now, whatever is still to come on it."""
        self._stop_looking()
        self._response.close()  # does nothing to a connection that has gone back into the pool

    async def leave(self) -> None:
        """Nothing more is wanted, and little more is to come: keep the connection if its end comes in a moment."""
        self._stop_looking()
        content = self._response.content
        # The end often lies in the socket already, and the next call wants this connection.
        for _ in range(_GOODBYE_TURNS):
            if content.is_eof():
                break
            await asyncio.sleep(0)
        pool = _pools.get(self._loop)
        if pool is None or content.is_eof() or content.exception() is not None:
            self._response.close()
            return
        # The client puts the connection back by itself as soon as the end of the body has arrived.
        pool.leaving.add(self._response)
        self._loop.call_later(LEAVE_TIMEOUT_S, _close_left, pool.leaving, self._response)


def _close_left(leaving: set[aiohttp.ClientResponse], response: aiohttp.ClientResponse) -> None:
    response.close()
    leaving.discard(response)


async def open_stream(call: Outgoing) -> Reply:
    """Send the call, once, and wait until the stream of events that answers it has begun. Close the reply, or leave it.

    Raises:
        APICallError: there is no such stream.
    """
    reply = await exchange.sender(_post)(call, _EVENT_STREAM)
    try:
        await _check(call, reply, wanted=_EVENT_STREAM)
        first = await reply.read()
        if not first:
            raise failures.empty(call, reply.status, reply.headers)
        reply.unread(first)
        if isinstance(reply, _HTTPReply):
            reply.be_patient()
    except BaseException:
        reply.close()
        raise
    return reply


async def post_json(call: Outgoing) -> tuple[Mapping[str, str], bytes]:
    """Send the call; gives the headers (names in lower case) and the JSON document that answers it, undecoded.

    Raises:
        APICallError: the last failure, when it was the only one, or a document of more than 64 MiB.
        RetryError: all of them.
    """
    return await with_retries(lambda: _fetch(call), max_retries=call.max_retries, clock=call.clock)


async def _fetch(call: Outgoing) -> tuple[Mapping[str, str], bytes]:
    reply = await exchange.sender(_post)(call, _JSON)
    try:
        await _check(call, reply, wanted=_JSON)
        pieces, size = [], 0
        while piece := await reply.read():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_DOCUMENT_BYTES:
                raise _error(
                    call,
                    f"{call.service} answered with more than {MAX_DOCUMENT_BYTES} bytes",
                    is_retryable=False,
                )
        if not size:
            raise failures.empty(call, reply.status, reply.headers)
    except BaseException:
        reply.close()
        raise
    return reply.headers, b"".join(pieces)


# --- one attempt -------------------------------------------------------------------------------------------------


async def _post(call: Outgoing, accept: str) -> Reply:
    """Send the call; a pooled connection that turns out to be closed by now does not count as a failure.

    A server may close an idle connection in the very moment it is used again. RFC 9112, section 9.3.1, lets a client
    repeat the request then; every repetition uses up one pooled connection, so the last is made on a new one.
    """
    while True:
        made: list[bool] = []  # whether a connection was made for this
        _made.set(made)
        try:
            response = await _send(call, accept)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            is_lost = isinstance(error, (aiohttp.ClientConnectionError, ConnectionError))
            if not made and is_lost and not isinstance(error, TimeoutError):
                continue
            raise _unreachable(call, error) from error
        reply = _HTTPReply(call, response)
        reply.end_with_connection()
        return reply


async def _send(call: Outgoing, accept: str) -> aiohttp.ClientResponse:
    session = await _session()
    proxy, proxy_headers = proxy_of(call.url)
    headers = {"content-type": _JSON, "accept": accept, **call.headers}
    if call.url.startswith("http:"):
        headers.update(
            proxy_headers
        )  # the proxy reads the request itself; with https only the CONNECT before it
    return await session.post(
        call.url,
        data=call.body if len(call.body) < _LARGE_BODY_BYTES else io.BytesIO(call.body),
        headers=headers,
        allow_redirects=False,
        proxy=proxy,
        proxy_headers=proxy_headers,
        timeout=_client_timeout(call.timeouts),
    )


@lru_cache(maxsize=16)
def _client_timeout(timeouts: Timeouts) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=timeouts.connect_s, sock_read=timeouts.read_s)


def _take_note(closed: asyncio.Future[None]) -> None:
    """Look at how a connection ended, so that asyncio does not complain that nobody did."""
    if not closed.cancelled():
        closed.exception()


async def _check(call: Outgoing, reply: Reply, *, wanted: str) -> None:
    headers = reply.headers
    if not 200 <= reply.status < 300:
        body = await _excerpt(reply)
        raise failures.refused(call, reply.status, reply.reason, headers, body)
    got = headers.get("content-type", wanted).partition(";")[0].strip().lower()
    if got != wanted and not (wanted == _JSON and got.endswith("+json")):
        raise failures.wrong_type(call, reply.status, headers, await _excerpt(reply), wanted)


async def _excerpt(reply: Reply) -> bytes:
    """What an error says, as far as it comes soon and is not endless."""
    body = bytearray()
    try:
        async with asyncio.timeout(ERROR_BODY_TIMEOUT_S):
            while len(body) < MAX_ERROR_BYTES and (piece := await reply.read()):
                body += piece
    except (APICallError, TimeoutError):
        pass  # the status tells enough
    reply.close()
    return bytes(body[:MAX_ERROR_BYTES])


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


# --- sessions ----------------------------------------------------------------------------------------------------


_made: ContextVar[list[bool]] = ContextVar("flightwire_connection_made")


# What `_Protocol` builds on is not aiohttp's public interface (3.14.5). Where it is another, reads take the public way.
_KNOWS_CLIENT = HttpResponseParser is not HttpResponseParserPy and all(
    hasattr(thing, name)
    for thing, names in (
        (ResponseHandler, ("_buffer_paused", "_reading_paused")),
        (aiohttp.StreamReader, ("_http_chunk_splits",)),
    )
    for name in names
)


class _Protocol(ResponseHandler):
    """A connection that lets its reader go on at once, with whole chunks where such come, and goes on itself only after a pause.

    aiohttp would wake the reader for the next turn of the loop, and ask its parser for more after every read. What is not whole
    chunks that somebody waits for, it parses; so it sees every end, and holds back what nobody reads.
    """

    __slots__ = ("body", "reader", "reply")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.reader: Waiter[bytes] | None = None
        self.reply: _HTTPReply | None = None  # which it reads
        self.body: aiohttp.StreamReader | None = None  # if it comes in chunks, and as it is

    def data_received(self, data: bytes) -> None:
        reader = self.reader
        if reader is None or reader.callback is None:  # nobody waits while a read resumes the parser, either
            super().data_received(data)
            return
        body, reply = self.body, self.reply
        # Where the parser expects a chunk, it misses nothing if somebody else takes a whole one.
        if (
            body is not None
            and reply is not None
            and (ends := body._http_chunk_splits)
            and ends[-1] == body.total_bytes
            and (piece := content_of_chunks(data))
        ):
            reply.take(piece)
            return
        super().data_received(data)
        reader.go_on()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.reader is not None:
            self.reader.wake()

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)


class _Connector(aiohttp.TCPConnector):
    """Tells a call that its connection does not come from the pool; aiohttp's tracing would, at ten times the cost."""

    def __init__(self) -> None:
        # No limit: the caller bounds what runs at once, and a queue here would look like a stall.
        super().__init__(limit=0)
        if _KNOWS_CLIENT:
            self._factory = partial(_Protocol, loop=self._loop)  # type: ignore[assignment] # which is one

    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        _made.get([]).append(True)
        return await super()._create_connection(*args, **kwargs)


class _Pool:
    """One loop's session, and the responses that nobody reads any more."""

    def __init__(self) -> None:
        self.session = aiohttp.ClientSession(
            connector=_Connector(),
            # No cookies: no state passes from one person's call to another's.
            cookie_jar=aiohttp.DummyCookieJar(),
            # Not the client's reading of the environment: it would send passwords from ~/.netrc; see proxies.py.
            trust_env=False,
            # No compression: it holds tokens back.
            headers={"user-agent": "flightwire", "accept-encoding": "identity"},
        )
        self.leaving: set[aiohttp.ClientResponse] = set()
        self.keeper = self._keep()

    async def _keep(self) -> AsyncGenerator[None, None]:
        """Run as long as the loop: `asyncio.run` and servers close a loop's generators as they end."""
        try:
            yield
        finally:
            for response in self.leaving:
                response.close()
            await self.session.close()


_pools: dict[asyncio.AbstractEventLoop, _Pool] = {}


async def _session() -> aiohttp.ClientSession:
    """The session of the running loop, made when it is first needed."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None or pool.session.closed:
        for other in [other for other in list(_pools) if other.is_closed()]:
            _pools.pop(other, None)
        pool = _pools[loop] = _Pool()
        await anext(pool.keeper)
    return pool.session


async def close_connections() -> None:
    """Close the running loop's connections; needed only where the loop is not ended by `asyncio.run`."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.keeper.aclose()


# --- failures of the connection ----------------------------------------------------------------------------------


def _error(call: Outgoing, message: str, *, is_retryable: bool = True) -> APICallError:
    return APICallError(message, url=call.address, is_retryable=is_retryable)


def _unreachable(call: Outgoing, error: Exception) -> APICallError:
    """Before the headers of the response had come."""
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return _silent(call)
    host = urlsplit(call.url).netloc.rpartition("@")[2]
    facts = {
        "service": call.service,
        "host": host,
        "why": _why(error),
        "connect_s": f"{call.timeouts.connect_s:g}",
    }
    for kinds, is_retryable, sentence in _CONNECTION_FAILURES:
        if isinstance(error, kinds):
            make = APITimeoutError if isinstance(error, TimeoutError) else APICallError
            return make(sentence.format(**facts), url=call.address, is_retryable=is_retryable)
    return _error(call, f"{call.service} cannot be called ({error})", is_retryable=False)


# The first that fits: aiohttp's classes inherit from each other. Retrying cannot mend what is not passing.
_CONNECTION_FAILURES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], bool, str], ...] = (
    (aiohttp.ConnectionTimeoutError, True, "{service} could not be reached within {connect_s} s ({host})"),
    (aiohttp.ClientConnectorCertificateError, False, "the TLS certificate of {host} is not trusted ({why})"),
    (aiohttp.ClientSSLError, False, "no TLS connection with {host} ({why}); is base_url really https?"),
    (
        aiohttp.ClientConnectorDNSError,
        True,
        "the host name of {service}, {host}, cannot be resolved; check base_url and the network",
    ),
    (
        (aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError),
        True,
        "the proxy to {service} does not let us through ({why}); check HTTPS_PROXY and HTTP_PROXY",
    ),
    (aiohttp.ClientConnectorError, True, "{service} cannot be reached ({host}: {why})"),
    (
        (aiohttp.ClientConnectionError, ConnectionError),
        True,
        "{service} closed the connection before it answered",
    ),
    (aiohttp.ClientResponseError, False, "{host} answers with something that is not HTTP; check base_url"),
    (aiohttp.InvalidURL, False, "{host} is not an address; check base_url"),
)


def _why(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    if isinstance(inner, OSError) and inner.errno:
        return os.strerror(inner.errno).lower()  # the exception's own text repeats the address
    return str(inner or error)


def _broken(call: Outgoing, error: Exception) -> APICallError:
    """After the headers had come."""
    if isinstance(error, TimeoutError):
        return _silent(call)
    return _error(call, f"{call.service} broke off in the middle of the answer")


def _silent(call: Outgoing) -> APITimeoutError:
    return APITimeoutError(
        f"{call.service} sent nothing for {call.timeouts.read_s:g} s (timeouts.read_s)", url=call.address
    )
