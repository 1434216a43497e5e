"""Where an API is, and who may call it.

Owns: base URLs, keys and the environment they come from, and the outgoing call made of them. Refuses to know: any
particular API, the HTTP client.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError, LoadAPIKeyError
from flightwire.providers.answering import Request
from flightwire.providers.base import ModelCall
from flightwire.providers.outgoing import Outgoing, Timeouts
from flightwire.providers.proxies import is_loopback
from flightwire.providers.retries import Clock

__all__ = ["Endpoint", "check_url", "endpoint_of", "from_environment"]


@value
class Endpoint:
    """Where the API is, and what it wants to see with every call; `headers` carry the key."""

    base_url: str
    headers: Mapping[str, str]
    key_variable: str | None = None

    def url(self, path: str) -> str:
        """The address of one of its paths; a query of the base URL stays."""
        return _url(self.base_url, path)

    def outgoing(
        self, path: str, request: Request, call: ModelCall, *, service: str, timeouts: Timeouts, clock: Clock
    ) -> Outgoing:
        """One call, ready to be sent."""
        return Outgoing(
            url=self.url(path),
            body=request.encode(),
            headers={**self.headers, **(call.headers or {})},
            service=service,
            key_variable=self.key_variable,
            max_retries=call.max_retries,
            timeouts=timeouts,
            clock=clock,
        )


def endpoint_of(
    *,
    service: str,
    default_base_url: str,
    base_url: str | None = None,
    base_url_variable: str | None = None,
    api_key: str | None = None,
    key_variables: Sequence[str] = (),
    needs_key: bool = True,
    headers: Mapping[str, str] | Mapping[str, str | None] | None = None,
) -> Endpoint:
    """An endpoint as it is now: what was passed, else what the environment says.

    Without `key_variables` a key is sent only if one was passed. A server on this machine needs none.

    Raises:
        LoadAPIKeyError: there is no key.
        InvalidArgumentError: the environment's base URL is not an address.
    """
    if base_url is None:
        base_url = from_environment(base_url_variable) or default_base_url
        check_url(base_url, base_url_variable or "base_url", default_base_url)
    key = (api_key or "").strip() or next(
        (key for name in key_variables if (key := from_environment(name))), None
    )
    if key is None and needs_key and key_variables and not is_loopback(urlsplit(base_url).hostname):
        raise LoadAPIKeyError(service, key_variables[0])
    sent = {"authorization": f"Bearer {key}" if key else None, **(headers or {})}
    return Endpoint(
        base_url,
        {name: text for name, text in sent.items() if text is not None},
        key_variables[0] if key_variables else None,
    )


@lru_cache(maxsize=64)
def _url(base_url: str, path: str) -> str:
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))


def from_environment(name: str | None) -> str | None:
    """A variable that says something; a key pasted into a file often ends in a line break."""
    return (os.environ.get(name, "") if name else "").strip() or None


def check_url(url: str, where: str, example: str) -> None:
    """See that a base URL is one.

    Raises:
        InvalidArgumentError: it is not an http(s) address.
    """
    if not _is_address(url):
        raise InvalidArgumentError(
            f"{where} is {url!r}; expected an address such as {example} or http://127.0.0.1:8080/v1."
        )


@lru_cache(maxsize=64)
def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
