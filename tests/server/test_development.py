"""Who may use an app in development: this machine, by this machine's names."""

from __future__ import annotations

import socket

import pytest

from flightwire.errors import ForbiddenError
from flightwire.server.development import check_development_client


def check(host: str, client: str = "127.0.0.1", *, asked_for: bool = True) -> None:
    scope = {"headers": [(b"host", host.encode())], "client": (client, 5000)}
    check_development_client(scope, asked_for=asked_for)


@pytest.mark.parametrize(
    "host",
    [
        "localhost:3000",
        "LOCALHOST",
        "127.0.0.1:3000",
        "[::1]:3000",
        "192.168.1.5",
        "app.localhost:80",
        "localhost.",
        socket.gethostname(),
    ],
)
def test_names_of_this_machine_are_let_through(host: str) -> None:
    check(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example:3000", "127.0.0.1.nip.io", "evil.example@localhost", "a b"],
)
def test_other_names_are_refused_with_advice(host: str) -> None:
    with pytest.raises(ForbiddenError, match="FLIGHTWIRE_ALLOWED_HOSTS"):
        check(host)


def test_a_name_of_ones_own_can_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_ALLOWED_HOSTS", "dev.example, other.example")
    check("dev.example:3000")
    check("other.example")


@pytest.mark.parametrize("client", ["10.0.0.7", "203.0.113.9", "fe80::1%eth0"])
def test_other_machines_are_refused_unless_development_was_asked_for(client: str) -> None:
    check("10.0.0.1", client)
    with pytest.raises(ForbiddenError, match="no build yet"):
        check("10.0.0.1", client, asked_for=False)


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "testclient"])
def test_this_machine_needs_to_ask_for_nothing(client: str) -> None:
    check("localhost", client, asked_for=False)
