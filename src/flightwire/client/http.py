"""Calls over HTTP.

Owns: the HTTP client, its connections, the translation of every way a connection can fail. Refuses to know: what is sent,
what answers mean.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from flightwire.client.calls import Timeouts
from flightwire.errors import CallFailedError, CallTimeoutError, ConnectionClosedError

# Shorter than the 5 s for which servers keep idle connections: an action is never sent into one that is being closed, and so
# never has to be sent twice.
KEEP_ALIVE_S: Final = 3.0
# Above this aiohttp warns about bytes; it writes a file object piece by piece.
_LARGE_BODY_BYTES: Final = 1024 * 1024
# Up to this, head and body are given to the connection at once: when that is refused, nothing of the call has left.
_AT_ONCE_BYTES: Final = 32 * 1024


class Http:
    """One client's connections; made inside its event loop."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),  # the client has its own
            trust_env=False,  # it would send passwords from ~/.netrc
            headers={
                "user-agent": "flightwire",
                "accept-encoding": "identity",
            },  # compression holds rows back
        )

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> HttpResponse:
        """Send one call; returns when the answer begins.

        Raises:
            CallFailedError: there is no answer.
            CallTimeoutError: it did not begin in time.
        """
        try:
            try:
                return await self._send(url, headers, body, timeouts)
            except aiohttp.ClientOSError as error:
                if not _has_sent_nothing(error, body):
                    raise
                return await self._send(url, headers, body, timeouts)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(url, error, timeouts) from error

    async def _send(
        self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> HttpResponse:
        response = await self._session.post(
            url,
            data=body if len(body) < _LARGE_BODY_BYTES else io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect_s, sock_read=timeouts.read_s),
        )
        return HttpResponse(url, response, timeouts)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()


class HttpResponse:
    """An answer whose body is being read."""

    def __init__(self, url: str, response: aiohttp.ClientResponse, timeouts: Timeouts) -> None:
        self.url = url
        self.status = response.status
        self.headers = [(name.lower(), content) for name, content in response.headers.items()]
        self._response = response
        self._timeouts = timeouts
        _end_with_connection(response)

    async def read(self) -> bytes:
        """What has come since the last read, or b"" at the end.

        Raises:
            ConnectionClosedError: the connection broke off.
            CallTimeoutError: nothing came for too long.
        """
        content = self._response.content
        try:
            return await content.readany()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # aiohttp reports a broken connection before it hands over what had arrived on it, and has no public way
            # to get at that; seen with 3.14.
            if rest := content._read_nowait(-1):
                return rest
            if isinstance(error, TimeoutError):
                raise _silent(self.url, self._timeouts, self.status) from error
            raise ConnectionClosedError(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Close the connection now, unless the body has ended."""
        self._response.close()


def _has_sent_nothing(error: aiohttp.ClientOSError, body: bytes) -> bool:
    """Whether the server closed the connection between two calls, at the moment when the second was about to be written.

    A server that stops does that. Such a call may be sent again: not a byte of it has left.
    """
    return len(body) <= _AT_ONCE_BYTES and isinstance(error.__cause__, aiohttp.ClientConnectionResetError)


def _end_with_connection(response: aiohttp.ClientResponse) -> None:
    """See to it that who reads the body hears of the connection's end.

    aiohttp tells nobody, and stops its timer, when a body is not valid HTTP (a chunk size that is no number): the reader would
    wait for as long as it is willing to. Seen with 3.14.5 and its C parser.
    """
    content = response.content
    protocol = response.connection and response.connection.protocol
    closed = None if protocol is None else protocol.closed
    if closed is None or content.is_eof():
        return

    def tell(closed: asyncio.Future[None]) -> None:
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection was lost"))

    closed.add_done_callback(tell)
    closed.remove_done_callback(_look)  # once per connection, however many calls it has served
    closed.add_done_callback(_look)
    content.on_eof(lambda: _forget(closed, tell))


def _forget(closed: asyncio.Future[None], tell: Callable[[asyncio.Future[None]], None]) -> None:
    """The body has ended as it should; the connection may serve other calls."""
    closed.remove_done_callback(tell)


def _look(closed: asyncio.Future[None]) -> None:
    """So that asyncio does not complain that nobody looked at how a connection ended."""
    if not closed.cancelled():
        closed.exception()


def _silent(url: str, timeouts: Timeouts, status: int | None = None) -> CallTimeoutError:
    return CallTimeoutError(
        f"{url} sent nothing for {timeouts.read_s:g} s (read_timeout_s).", url=url, status_code=status
    )


def _unreachable(url: str, error: Exception, timeouts: Timeouts) -> CallFailedError:
    """Before the answer had begun."""
    host = urlsplit(url).netloc
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        letter = f"{host} could not be reached within {timeouts.connect_s:g} s (connect_timeout_s)."
        return CallTimeoutError(letter, url=url)
    if isinstance(error, TimeoutError):
        return _silent(url, timeouts)
    for kinds, sentence in _FAILURES:
        if isinstance(error, kinds):
            return CallFailedError(sentence.format(host=host, why=_why(error)), url=url)
    return CallFailedError(f"{host} cannot be called ({error}).", url=url)


# The first that fits: aiohttp's classes inherit from each other.
_FAILURES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, "The TLS certificate of {host} is not trusted ({why})."),
    (aiohttp.ClientSSLError, "There is no TLS connection with {host} ({why}). Is its address really https?"),
    (aiohttp.ClientConnectorDNSError, "The host name {host} cannot be resolved."),
    (aiohttp.ClientConnectorError, "{host} cannot be reached ({why}). Is the server running?"),
    ((aiohttp.ClientConnectionError, ConnectionError), "{host} closed the connection before it answered."),
    (aiohttp.ClientResponseError, "{host} answers with something that is not HTTP."),
)


def _why(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    return str(getattr(inner, "strerror", None) or inner or error).lower()
