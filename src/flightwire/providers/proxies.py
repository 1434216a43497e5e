"""Which proxy a call goes through.

Owns: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and what counts as this machine. Refuses to know: the HTTP client.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this machine."""
    host = (host or "").lower().rstrip(".")
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def proxy_of(url: str) -> tuple[str | None, dict[str, str]]:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for this URL, and its credentials as headers."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):  # before the environment is read, which takes 80 µs
        return None, {}
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(host):
        return None, {}
    target = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    address = f"{target.scheme or 'http'}://{target.netloc.rpartition('@')[2]}"
    if target.username is None:
        return address, {}
    credentials = f"{unquote(target.username)}:{unquote(target.password or '')}"
    return address, {"proxy-authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
