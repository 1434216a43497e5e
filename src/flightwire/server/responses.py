"""What is said to the browser around the rows.

Owns: headers, which path is ours, and refusals as plain text. Refuses to know: Flight, pages, actions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

Message: TypeAlias = MutableMapping[str, Any]
ASGIScope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

FLIGHT_HEADERS: Headers = [
    (b"content-type", b"text/x-component"),
    (b"cache-control", b"no-store, no-transform"),  # CVE-2026-44576: shared caches have stored such responses
    # Says nothing new, but keeps compressors off that hold rows back (GZipMiddleware of Starlette < 1.0, nginx's gzip).
    (b"content-encoding", b"identity"),
    (b"vary", b"accept, rsc-action-id, next-action"),
    (b"x-accel-buffering", b"no"),  # nginx would hold rows back
    (b"x-content-type-options", b"nosniff"),
]


def header(scope: ASGIScope, name: bytes) -> str | None:
    """A request header by its lower-case name; the first one when there are several."""
    found: bytes | None = dict([*scope["headers"]][::-1]).get(name)  # cheaper than to look at each
    return None if found is None else str(found, "latin-1")


def located(scope: ASGIScope) -> ASGIScope:
    """The scope with the whole path in `path` and the prefix in `root_path`, as ASGI wants them (spec version 2.4).

    Some routers cut the prefix off the path and tell nobody (Litestar, which also puts a slash behind it). `raw_path` is what
    the client asked for.
    """
    path, raw = str(scope["path"]), scope.get("raw_path")
    asked = unquote(bytes(raw).partition(b"?")[0].decode("latin-1")) if raw else path
    if asked in (path, root_path(scope) + path):
        return scope
    whole, rest = asked.rstrip("/"), path.rstrip("/")
    if not whole.endswith(rest):
        return scope
    return {**scope, "path": asked, "root_path": whole.removesuffix(rest)}


def path_below_root(scope: ASGIScope) -> str:
    """The path below the prefix: ASGI servers and routers leave it in front, some older ones do not."""
    path: str = scope["path"]
    root = root_path(scope)
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path


def words_below_root(scope: ASGIScope) -> list[str]:
    """The parts of the path below the prefix, each decoded by itself: a slash that was written `%2F` parts nothing."""
    path, raw = path_below_root(scope), scope.get("raw_path")
    asked = bytes(raw).partition(b"?")[0].decode("latin-1") if raw else ""
    words = [unquote(word) for word in asked.split("/")]
    left = len("/".join(words)) - len(path)  # of the prefix, and the slash behind it
    start = 1
    while left > 0 and start < len(words):
        left -= len(words[start]) + 1
        start += 1
    if "/" + "/".join(words[start:]) != path:  # some routers change the path and tell nobody
        words, start = path.split("/"), 1
    filled = [index for index, word in enumerate(words) if word and index >= start]
    return words[filled[0] : filled[-1] + 1] if filled else []


def root_path(scope: ASGIScope) -> str:
    """The prefix, without a slash at its end."""
    return str(scope.get("root_path", "")).rstrip("/")


def merged(ours: Iterable[tuple[bytes, bytes]], added: Headers) -> Headers:
    """The headers of a response: ours, and what the app has added; of those that may stand once, the app's. `vary` is joined."""
    ours = list(ours)
    if not added:
        return ours
    names = {name for name, _ in added} - {b"set-cookie"}
    varies = [content for name, content in (*ours, *added) if name == b"vary"]
    kept = [(name, content) for name, content in ours if name not in names]
    more = [(name, content) for name, content in added if name != b"vary"]
    if b"vary" in names:
        more.append((b"vary", b", ".join(varies)))
    return [*kept, *more]


async def send_text(
    send: Send, status: int, text: str, *, headers: Iterable[tuple[bytes, bytes]] = (), head: bool = False
) -> None:
    """Answer with a letter in plain text."""
    body = text.encode("utf-8", "replace")
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                (b"x-content-type-options", b"nosniff"),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else body})
