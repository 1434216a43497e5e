"""The command line as people meet it: what it says, how it reloads, how it ends, and its letters."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.testing.upstream import Ending, ScriptedUpstream

from .conftest import SEED, SEED_ACTIONS, SEED_PAGE, Files, Tab, dev_server, pointing_at
from .running import Running, run_flightwire

MAX_STOP_S = 2.0
BROKEN_PAGE = "import broken from 'no-such-package';\nconsole.log(broken);\n" + SEED_PAGE
LOCAL = {"FLIGHTWIRE_MODEL": "local/smollm2"}


@pytest.fixture
def seed_folder(app_folder: Callable[[Files], Path]) -> Path:
    return app_folder(SEED)


@pytest.fixture
def dev(seed_folder: Path, upstream: ScriptedUpstream) -> Iterator[Running]:
    with dev_server(seed_folder, pointing_at(upstream)) as server:
        yield server


# --- starting and stopping ------------------------------------------------------------------------------------------


def test_the_start_says_where_what_and_why(dev: Running, seed_folder: Path) -> None:
    dev.wait_for_line("Ctrl-C")
    assert re.search(r"open +http://127\.0\.0\.1:\d+\n", dev.output)
    assert str(seed_folder) in dev.output
    assert "openai/scripted, because FLIGHTWIRE_MODEL" in dev.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_every_process(
    number: signal.Signals, dev: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    count = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    tab.open(dev.url).ask("Hi")
    tab.wait_for_answer("Half")
    assert dev.children("dev.mjs")
    assert dev.stop(number) < MAX_STOP_S
    assert dev.process.returncode == 0
    assert "Traceback" not in dev.output
    upstream.wait_received(count).wait_closed()


@pytest.mark.model
def test_ctrl_c_stops_the_local_model_in_the_middle_of_an_answer(seed_folder: Path, tab: Tab) -> None:
    with dev_server(seed_folder, LOCAL) as server:
        tab.open(server.url).ask("Tell me a long story.")
        tab.page.wait_for_function("() => document.body.textContent.includes('assistant: ')", timeout=90_000)
        assert server.children("local_worker")
        assert server.stop() < MAX_STOP_S
        assert "Traceback" not in server.output


@pytest.mark.model
@pytest.mark.timeout(240)
def test_a_real_model_answers_word_by_word(mode_server: Running, tab: Tab) -> None:
    tab.open(mode_server.url)
    tab.page.evaluate(COUNT_STATES)
    tab.ask("Why is the sky blue?")
    mode_server.wait_for_line("continueConversation done", timeout_s=180)
    assert len(tab.lines()[1]) > len("assistant: ") + 20
    assert tab.page.evaluate("() => window.states.size") > 5
    assert tab.errors == []


COUNT_STATES = """() => {
  window.states = new Set();
  const look = () => window.states.add(document.getElementById('root').textContent);
  new MutationObserver(look).observe(document.getElementById('root'), { subtree: true, characterData: true, childList: true });
}"""


@pytest.fixture(scope="module")
def mode_server(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    from .conftest import SERVERS

    with SERVERS[mode](app_folder(SEED), LOCAL) as server:
        yield server


# --- reloading ------------------------------------------------------------------------------------------------------


def test_a_save_of_an_action_counts_at_once_and_nothing_restarts(
    dev: Running, seed_folder: Path, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["One"])
    upstream.answer(["Two"])
    tab.open(dev.url).ask("Hi")
    tab.wait_for_answer("One")
    children = dev.children()
    (seed_folder / "actions.py").write_text(SEED_ACTIONS.replace("Be brief.", "Be long."))
    dev.wait_for_line("reload")
    tab.ask("Again")
    tab.wait_for_answer("Two", turn=2)
    assert "Be long." in str(upstream.requests[-1].json["messages"])
    assert dev.children().keys() == children.keys()


def test_a_syntax_error_is_shown_and_a_save_mends_it(
    dev: Running, seed_folder: Path, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["Mended"])
    tab.open(dev.url)
    (seed_folder / "actions.py").write_text(SEED_ACTIONS + "def broken(\n")
    dev.wait_for_line(r"actions\.py, line \d+: .*def broken\(")
    tab.ask("Hi")
    tab.page.get_by_text("def broken(").first.wait_for()
    (seed_folder / "actions.py").write_text(SEED_ACTIONS)
    dev.wait_for_line("reload")
    tab.open(dev.url).ask("Hi")
    tab.wait_for_answer("Mended")
    assert "Traceback" not in dev.output


def test_an_import_that_does_not_exist_is_named_in_the_page(
    dev: Running, seed_folder: Path, tab: Tab
) -> None:
    (seed_folder / "page.tsx").write_text(BROKEN_PAGE)
    tab.page.goto(dev.url)
    tab.page.get_by_text("no-such-package").first.wait_for()
    dev.wait_for_line("no-such-package")


# --- letters --------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def letter(*arguments: str, env: dict[str, str] | None = None) -> str:
    """Run a command that cannot work; give its one letter."""
    done = run_flightwire(*arguments, env=env)
    assert done.returncode in (1, 2), done.stdout
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().removeprefix("error: ")


@pytest.mark.parametrize("command", ["dev", "start"])
def test_a_port_in_use_is_said_before_anything_starts(
    command: str, taken: int, app_folder: Callable[[Files], Path]
) -> None:
    folder = app_folder({"actions.py": SEED_ACTIONS})
    said = letter(command, str(folder), "--port", str(taken))
    assert said.startswith(f"Port {taken} on 127.0.0.1 is in use.")
    assert said.endswith(f"flightwire {command} {folder} --port {taken + 1}")
    assert "\n" not in said


@pytest.mark.parametrize("command", ["dev", "build", "start"])
def test_a_missing_folder_is_a_letter(command: str) -> None:
    assert letter(command, "/no/such/app").startswith("There is no folder /no/such/app.")


@pytest.mark.parametrize("command", ["dev", "build", "start"])
def test_a_folder_without_an_app_is_a_letter(command: str, tmp_path: Path) -> None:
    assert "has neither page.tsx nor actions.py" in letter(command, str(tmp_path))


def test_a_start_without_a_build_says_how_to_make_one(seed_folder: Path) -> None:
    assert letter("start", str(seed_folder)).endswith(f"flightwire build {seed_folder}")


def test_a_model_that_nobody_knows_is_a_letter(seed_folder: Path) -> None:
    said = letter("dev", str(seed_folder), "--port", "0", env={"FLIGHTWIRE_MODEL": "nobody/knows"})
    assert "'nobody'" in said
    assert "openai" in said


def test_a_model_file_that_is_missing_is_a_letter(seed_folder: Path) -> None:
    said = letter("dev", str(seed_folder), "--port", "0", env={"FLIGHTWIRE_MODEL": "local/no/such.gguf"})
    assert "no/such.gguf" in said
    assert "GGUF" in said


def test_a_model_file_that_is_none_is_a_letter(seed_folder: Path) -> None:
    path = seed_folder / "actions.py"
    said = letter("dev", str(seed_folder), "--port", "0", env={"FLIGHTWIRE_MODEL": f"local/{path}"})
    assert "is not a GGUF file" in said


@pytest.mark.parametrize("command", ["build", "start"])
def test_a_syntax_error_ends_what_cannot_be_mended_by_a_save(
    command: str, app_folder: Callable[[Files], Path]
) -> None:
    files = {"actions.py": "def broken(\n", **({"page.tsx": SEED_PAGE} if command == "build" else {})}
    said = letter(command, str(app_folder(files)))
    assert "actions.py, line 1" in said
    assert "def broken(" in said


def test_a_page_that_cannot_be_built_is_a_letter(app_folder: Callable[[Files], Path]) -> None:
    folder = app_folder({**SEED, "page.tsx": BROKEN_PAGE})
    assert "no-such-package" in letter("build", str(folder))


def test_a_wrong_option_is_a_letter(seed_folder: Path) -> None:
    assert "Invalid value for '--port'" in letter("dev", str(seed_folder), "--port", "70000")


def test_a_missing_key_is_said_at_the_start_and_in_the_page(seed_folder: Path, tab: Tab) -> None:
    with dev_server(seed_folder, {"FLIGHTWIRE_MODEL": "openai/gpt-5.4-mini"}) as server:
        server.wait_for_line("OPENAI_API_KEY")
        tab.open(server.url).ask("Hi")
        tab.page.get_by_text("OPENAI_API_KEY").first.wait_for()
        assert "Traceback" not in server.output


def test_an_app_of_actions_alone_is_served(app_folder: Callable[[Files], Path]) -> None:
    with dev_server(app_folder({"actions.py": SEED_ACTIONS}), {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        assert server.url


def test_several_workers_share_the_port(
    app_folder: Callable[[Files], Path], upstream: ScriptedUpstream
) -> None:
    folder = app_folder({"actions.py": SEED_ACTIONS})
    server = Running("start", str(folder), "--port", "0", "--workers", "2", env=pointing_at(upstream))
    try:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.recv(9) == b"HTTP/1.1 "
    finally:
        server.stop(signal.SIGTERM)
    assert "Traceback" not in server.output
