"""What a server in front of ours changes about requests.

Owns: the prefix it serves us under, and which peers are believed about who the client is. Refuses to know: which proxy it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .folders import CommandError

__all__ = ["behind_proxy", "check_root_path"]


def check_root_path(root_path: str) -> str:
    """A prefix as ASGI has it: `/ai`, or nothing.

    Raises:
        CommandError: it is no path.
    """
    cleaned = root_path.rstrip("/")
    if cleaned and (
        not cleaned.startswith("/") or any(each in cleaned for each in "?#\\ ") or "//" in cleaned
    ):
        raise CommandError(f"--root-path is {root_path!r}; write the path that the proxy serves, as /ai.")
    return cleaned


def behind_proxy(*, root_path: str, trusted: str | None) -> Callable[[Any], Any]:
    """Wrap an ASGI app.

    Args:
        root_path: the prefix in the browser's addresses, whether or not the proxy takes it off before it asks us.
        trusted: peers whose X-Forwarded-For and X-Forwarded-Proto are believed, comma-separated; `None` for nobody's.
    """

    def wrap(app: Any) -> Any:
        if root_path:
            app = _Prefixed(app, root_path)
        if trusted:
            from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

            app = ProxyHeadersMiddleware(app, trusted_hosts=trusted)
        return app

    return wrap


class _Prefixed:
    def __init__(self, app: Any, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            has_it = path == self._root_path or path.startswith(f"{self._root_path}/")
            scope = {
                **scope,
                "root_path": self._root_path,
                "path": path if has_it else self._root_path + path,
            }
        await self._app(scope, receive, send)
