"""`Client`: calls over HTTP.

Owns: what users write, base URLs. Refuses to know: the HTTP client (`http.py`), which is imported with the first call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flightwire.client.caller import Auth, Caller
from flightwire.client.calls import Response, Timeouts
from flightwire.errors import InvalidArgumentError

if TYPE_CHECKING:
    from flightwire.client.http import Http


class Client(Caller):
    """Calls the actions of a Flightwire app from Python.

        async with flightwire.Client("http://localhost:3000") as client:
            reply = await client.call("continue_conversation", [{"role": "user", "content": "Hi"}])
            async for delta in read_streamable_value(reply["newMessage"]): ...

    Leaving the block closes every connection, which stops the actions that still run. One client is one user: it keeps the
    cookies that answers set.

    Arguments:
        url: where the app is, its prefix included: `https://example.com/ai`.
        headers: sent with every call.
        cookies: sent with every call, with the app's own origin beside them, as a page of the app would.
        auth: a bearer token, or (name, password).
        timeout_s: how long a whole answer may take, in seconds; None for as long as it takes.
        connect_timeout_s: how long connecting may take, in seconds.
        read_timeout_s: how long the server may be silent, in seconds; it says something at least every 15.

    Raises:
        InvalidArgumentError: the URL is none, or a header cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = 10.0,
        read_timeout_s: float | None = 60.0,
    ) -> None:
        transport = _OverHttp(url)
        super().__init__(
            transport,
            headers=headers,
            cookies=cookies,
            auth=transport.auth if auth is None else auth,
            timeouts=Timeouts(total_s=timeout_s, connect_s=connect_timeout_s, read_s=read_timeout_s),
        )
        self.url = transport.url

    def __repr__(self) -> str:
        """`<Client http://localhost:3000/>`: never the credentials."""
        return f"<Client {self.url}>"


class _OverHttp:
    """The transport of a URL; connects when it is first used."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InvalidArgumentError(
                f"{url!r} is not the address of an app. Write it with its prefix and nothing behind, as "
                "'http://localhost:3000' or 'https://example.com/ai'."
            )
        self.auth = (
            None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
        )
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.page_origin: str | None = origin
        self.url = f"{origin}{parts.path.rstrip('/')}/"
        self._http: Http | None = None

    async def post(self, headers: Mapping[str, str], body: bytes, timeouts: Timeouts) -> Response:
        """Send one call."""
        if self._http is None:
            from flightwire.client.http import Http

            self._http = Http()
        return await self._http.post(self.url, headers, body, timeouts)

    async def aclose(self) -> None:
        """Close the connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()
