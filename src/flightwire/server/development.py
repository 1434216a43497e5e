"""Who may use an app in development, where errors show code and files.

Owns: the rule. Refuses to know: actions, pages.

A page of another site can point a host name of its own at 127.0.0.1 (DNS rebinding) and then is of the "same origin". So in
development the host must be this machine's: an address, `localhost`, its own name, or one from FLIGHTWIRE_ALLOWED_HOSTS.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from functools import lru_cache
from typing import Final

from flightwire.errors import ForbiddenError
from flightwire.server.responses import ASGIScope, header

_HOST: Final = re.compile(r"(?P<name>[^\[\]:/@\s]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?", re.ASCII)


def check_development_client(scope: ASGIScope, *, asked_for: bool) -> None:
    """Let a request of this machine through, or refuse it.

    Arguments:
        scope: the request.
        asked_for: whether somebody chose development; when it is only for want of a build, other machines are refused.

    Raises:
        ForbiddenError: the host is not this machine's, or the client is another machine; the letter says what to do.
    """
    host = _name(header(scope, b"host") or "")
    if not _is_ours(host):
        raise ForbiddenError(
            f"In development this app answers to this machine's names only, not to {host[:100]!r}. "
            "If it is yours, set FLIGHTWIRE_ALLOWED_HOSTS to it."
        )
    client = scope.get("client")
    if not asked_for and client is not None and not _is_loopback(str(client[0])):
        raise ForbiddenError(
            "This app has no build yet, and its live pages are for its own machine. "
            "Build it (flightwire build), or set FLIGHTWIRE_ENV=development to let other machines in."
        )


def _name(host: str) -> str:
    found = _HOST.fullmatch(host)
    return host.lower() if found is None else found["name"].lower().rstrip(".")


def _is_ours(host: str) -> bool:
    if host in ("", "localhost", "testserver") or host.endswith(
        ".localhost"
    ):  # "testserver": Starlette's TestClient
        return True
    return _is_address(host) or host in _own_names() or host in _allowed_hosts()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True  # a test client's name, or the path of a socket
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


@lru_cache(maxsize=1)
def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0], f"{name.partition('.')[0]}.local"})


def _allowed_hosts() -> list[str]:
    return [name.strip().lower() for name in os.environ.get("FLIGHTWIRE_ALLOWED_HOSTS", "").split(",")]
