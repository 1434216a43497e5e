from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from flightwire.cli.folders import CommandError
from flightwire.cli.listening import listen, url_of

RETRY = "flightwire dev app"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_free_port_is_taken_and_its_address_shown() -> None:
    with listen("127.0.0.1", 0, retry=RETRY) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_connections_queue_before_a_server_accepts() -> None:
    with (
        listen("127.0.0.1", 0, retry=RETRY) as listener,
        socket.create_connection(listener.getsockname(), timeout=5),
    ):
        pass


def test_a_port_in_use_is_a_letter_with_the_next_one(taken: int) -> None:
    with pytest.raises(CommandError) as caught:
        listen("127.0.0.1", taken, retry=RETRY)
    assert f"Port {taken} on 127.0.0.1 is in use." in str(caught.value)
    assert str(caught.value).endswith(f"flightwire dev app --port {taken + 1}")


def test_an_address_of_another_machine_is_a_letter() -> None:
    with pytest.raises(CommandError, match="not an address of this machine"):
        listen("192.0.2.1", 0, retry=RETRY)  # TEST-NET-1, RFC 5737


def test_a_host_that_is_none_is_a_letter() -> None:
    with pytest.raises(CommandError, match="There is no host"):
        listen("no such host", 0, retry=RETRY)


def test_everywhere_is_shown_as_something_to_open() -> None:
    with listen("0.0.0.0", 0, retry=RETRY) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")
