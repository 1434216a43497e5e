"""Fetching files from addresses that strangers give.

Owns: which addresses may be reached at all, and a fetcher that cannot be led elsewhere: http(s) only, each name resolved
once and the connection made to exactly what was looked at, every redirect looked at anew, no credentials, and bounds on
size, time and type. Refuses to know: messages, models.

The environment's proxies are not used: behind one, nobody could say which address is reached.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from flightwire.errors import DownloadError

MAX_DOWNLOAD_BYTES: Final = 20 * 1024 * 1024
DOWNLOAD_TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 10.0
MAX_REDIRECTS: Final = 3
MAX_URL_CHARS: Final = 8192

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host name."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_VAGUE: Final = ("application/octet-stream", "binary/octet-stream")
_LOCAL_NAMES: Final = ("localhost", "local", "internal", "localdomain", "home.arpa")
# What embeds an IPv4 address, or stands for many; none of them is needed to reach a public server.
_TRANSLATED: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "::/96",  # IPv4-compatible, and ::, ::1
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local
    )
)
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.175.48.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
    )
)


class Request(Protocol):
    """What is asked for; `flightwire.core.downloads.DownloadRequest` is one."""

    @property
    def url(self) -> str:
        """The address."""
        ...

    @property
    def is_url_supported_by_model(self) -> bool:
        """Whether the model fetches it itself."""
        ...

    @property
    def media_type(self) -> str:
        """What is expected."""
        ...


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet's; loopback, private, link-local, shared and multicast are not."""
    if address.is_multicast or not address.is_global:
        return False
    networks = _NOT_PUBLIC if address.version == 4 else _TRANSLATED
    return not any(address in network for network in networks)


class Downloader:
    """Fetches files; one call is one set of files.

    Arguments:
        max_bytes: the largest file.
        timeout_s: how long one file may take, redirects included.
        make: makes what is given back, of the bytes and the media type.
        resolve: gives the addresses of a host name.
        is_allowed: whether an address may be reached.
    """

    def __init__(
        self,
        make: Callable[[bytes, str | None], Any],
        *,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        timeout_s: float = DOWNLOAD_TIMEOUT_S,
        resolve: Resolve | None = None,
        is_allowed: Callable[[IPAddress], bool] = is_public,
    ) -> None:
        self._make = make
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._resolve = resolve or _resolve
        self._is_allowed = is_allowed

    async def __call__(self, requests: Sequence[Request]) -> list[Any]:
        """Fetch what the model cannot fetch itself; None stands for the rest.

        Raises:
            DownloadError: one of them must not or cannot be fetched.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._guarded(each)) for each in requests]
        outcomes = [task.result() for task in tasks]
        for each in outcomes:
            if isinstance(each, DownloadError):
                raise each
        return outcomes

    async def _guarded(self, request: Request) -> Any:
        if request.is_url_supported_by_model:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch(request.url, request.media_type)
        except DownloadError as error:
            return error
        except TimeoutError:
            return DownloadError(
                f"the file did not come within {self._timeout_s:g} s", url=_shown(request.url)
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return DownloadError(
                f"the file cannot be fetched ({type(error).__name__})", url=_shown(request.url)
            )

    async def _fetch(self, text: str, media_type: str) -> Any:
        url = _parsed(text)
        for _ in range(MAX_REDIRECTS + 1):
            addresses = await self._addresses(url)
            async with (
                self._session(addresses) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status not in _REDIRECTS:
                    return self._make(
                        await self._body(response, media_type), response.headers.get("content-type")
                    )
                target = response.headers.get("location", "")
            url = _followed(url, target)
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects", url=_shown(text))

    async def _addresses(self, url: URL) -> list[IPAddress]:
        """What a host stands for, if all of it may be reached."""
        host = url.raw_host or ""
        name = host.lower().rstrip(".")
        if any(name == each or name.endswith(f".{each}") for each in _LOCAL_NAMES):
            raise _refused(url)
        found = _literal(name)
        addresses = [found] if found is not None else await self._resolved(url, host)
        if not addresses or not all(self._is_allowed(each) for each in addresses):
            raise _refused(url)
        return addresses

    async def _resolved(self, url: URL, host: str) -> list[IPAddress]:
        try:
            return [
                ipaddress.ip_address(each.partition("%")[0])
                for each in await self._resolve(host, url.port or 0)
            ]
        except (OSError, UnicodeError) as error:
            raise DownloadError("the host name cannot be resolved", url=_shown(str(url))) from error

    def _session(self, addresses: Sequence[IPAddress]) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Pinned(addresses), use_dns_cache=False, force_close=True
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # no proxies, no passwords from ~/.netrc
            auto_decompress=False,
            headers={"user-agent": "flightwire", "accept": "*/*", "accept-encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
        )

    async def _body(self, response: aiohttp.ClientResponse, media_type: str) -> bytes:
        url = _shown(str(response.url))
        if response.status != 200:
            raise DownloadError(
                f"the server answered with status {response.status}", url=url, status_code=response.status
            )
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise DownloadError("the server sends a compressed file, though none was asked for", url=url)
        said = response.headers.get("content-type", _VAGUE[0]).partition(";")[0].strip().lower()
        if said not in _VAGUE and said.partition("/")[0] != media_type.partition("/")[0].lower():
            raise DownloadError(f"the server sends {said[:80]!r} where {media_type!r} was expected", url=url)
        too_large = DownloadError(f"the file has more than {self._max_bytes} bytes", url=url)
        if (response.content_length or 0) > self._max_bytes:
            raise too_large
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > self._max_bytes:
                raise too_large
        return bytes(body)


class _Pinned(AbstractResolver):
    """Connects to the addresses that were looked at, whatever the name stands for by now."""

    def __init__(self, addresses: Sequence[IPAddress]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses."""
        return [
            ResolveResult(
                hostname=host,
                host=str(each),
                port=port,
                family=socket.AF_INET if each.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in self._addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


def _parsed(text: str) -> URL:
    if len(text) > MAX_URL_CHARS or any(character <= " " or character == "\\" for character in text):
        raise DownloadError("this is not the address of a file", url=_shown(text))
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise DownloadError("this is not the address of a file", url=_shown(text)) from None
    if url.scheme not in ("http", "https"):
        raise DownloadError(f"only http and https are fetched, not {url.scheme[:20]!r}", url=_shown(text))
    if not url.raw_host or not port:
        raise DownloadError("this is not the address of a file", url=_shown(text))
    if url.raw_user is not None or url.raw_password is not None:
        raise DownloadError("an address with a user name or password is not fetched", url=_shown(text))
    return url


def _followed(url: URL, target: str) -> URL:
    try:
        followed = _parsed(str(url.join(URL(target))))
    except ValueError:
        raise DownloadError(
            "the server sends us to something that is no address", url=_shown(str(url))
        ) from None
    if url.scheme == "https" and followed.scheme != "https":
        raise DownloadError("the server sends us from https to http", url=_shown(str(url)))
    return followed


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _refused(url: URL) -> DownloadError:
    return DownloadError("this address is not one of the public internet's", url=_shown(str(url)))


def _shown(text: str) -> str:
    """An address without what may be secret."""
    head = text.split("?", 1)[0].split("#", 1)[0][:200]
    scheme, mark, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"
