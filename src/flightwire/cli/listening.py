"""The address a server listens on.

Owns: taking the port before anything slow is started, and the letters when it cannot be had. Refuses to know: who serves.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from .folders import CommandError

__all__ = ["listen", "listen_on_file", "url_of"]

BACKLOG = 2048
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - shown, not bound: what to open when all are listened on


def listen(host: str, port: int, *, retry: str) -> socket.socket:
    """Take a port; connections wait in its queue until a server accepts them.

    Args:
        host: an address or name of this machine.
        port: 0 takes a free one.
        retry: the command to type again, for the letter: "flightwire dev app".

    Raises:
        CommandError: the port is taken or not allowed, or the host is not this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise CommandError(
            f"There is no host {host!r}. Use --host 127.0.0.1 (this machine alone) or 0.0.0.0."
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CommandError(_letter(error, host, port, retry)) from None
    listener.setblocking(False)
    return listener


def listen_on_file(path: Path) -> socket.socket:
    """Take a Unix socket; one that a process left behind is replaced.

    Raises:
        CommandError: another process listens on it, or it cannot be made there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _remove_unused(path)
        listener.bind(os.fspath(path))
        path.chmod(0o666)  # whoever may enter its folder may connect, as a proxy of another user must
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CommandError(f"The socket {path} cannot be listened on: {error.strerror or error}.") from None
    listener.setblocking(False)
    return listener


def _remove_unused(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens on it")


def url_of(listener: socket.socket) -> str:
    """The address to open in a browser; of a Unix socket, where it is."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    shown = ANYWHERE.get(host) or (f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def _letter(error: OSError, host: str, port: int, retry: str) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 3000
        return f"Port {port} on {host} is in use. Stop what listens there, or take another: {retry} --port {other}"
    if error.errno == errno.EACCES:
        return f"Port {port} is not open to this user. Take one above 1023: {retry} --port 3000"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Use --host 127.0.0.1, or 0.0.0.0 for all of them."
    return f"{host}:{port} cannot be listened on: {error.strerror}."
