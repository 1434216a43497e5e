"""Peers are one file each, pinned, and left out by name where they cannot be installed."""

import re
from pathlib import Path

import pytest
from bench.servers import AI_SDK, PEERS, environment, metadata, peer, peer_files, peer_name
from bench.wires import WIRES, chat_completions, ui_messages

from bench import environments
from flightwire.errors import ToolchainError

PYTHON_PEERS = [path for path in peer_files() if path.suffix == ".py"]


def test_every_peer_of_the_issue_is_there() -> None:
    assert {path.stem for path in peer_files()} == {
        "ai_sdk_rsc",
        "ai_sdk_ui_messages",
        "litellm_starlette",
        "nginx",
        "openai_starlette",
        "pydantic_ai_vercel",
        "vercel_ai",
    }
    assert AI_SDK in map(peer_name, peer_files())


@pytest.mark.parametrize("path", peer_files(), ids=lambda path: path.name)
def test_a_peer_says_its_name_and_its_protocol(path: Path) -> None:
    facts = metadata(path)["tool"]["bench"]
    assert facts["name"]
    assert facts["wire"] in WIRES


@pytest.mark.parametrize("path", PYTHON_PEERS, ids=lambda path: path.name)
def test_what_a_peer_asks_for_is_what_its_lock_has_with_hashes(path: Path) -> None:
    lock = (PEERS / "locks" / f"{path.stem}.txt").read_text()
    packages = [line for line in lock.splitlines() if re.match(r"[a-z][a-z0-9.-]*==", line)]
    assert all("\\" in line for line in packages)  # the hashes follow
    assert "://" not in lock
    for wanted in metadata(path)["dependencies"]:
        name, _, number = wanted.partition("==")
        assert any(line.startswith(f"{name.partition('[')[0]}=={number} ") for line in packages), wanted


def test_a_peer_without_its_python_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_find_python", lambda minor: None)
    with pytest.raises(
        ToolchainError, match=r"needs Python 3\.99 or newer; this is 3\.\d+, and no newer one"
    ):
        environments.python_environment("x", PEERS / "locks" / "vercel_ai.txt", ">=3.99")


def test_nginx_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.servers.shutil.which", lambda *_, **__: None)
    with pytest.raises(ToolchainError, match="nginx is not installed"):
        peer(PEERS / "nginx.conf")


def test_no_server_is_told_a_key() -> None:
    assert environment("http://x/v1")["OPENAI_API_KEY"] == "none"


def test_ui_messages_are_read() -> None:
    body = b'data: {"type":"start"}\n\ndata: {"type":"text-delta","id":"0","delta":"a"}\n\ndata: [DONE]\n\n'
    assert ui_messages(body) == ["a"]


def test_ui_messages_with_an_error_are_refused() -> None:
    with pytest.raises(ValueError, match="ended with"):
        ui_messages(b'data: {"type":"error","errorText":"no"}\n\ndata: [DONE]\n\n')


def test_a_stream_of_events_without_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="no end mark"):
        chat_completions(b'data: {"choices":[]}\n\n')
