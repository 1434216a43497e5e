"""Failures: what a production page, a developer's page and the log learn."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flightwire.actions.folder import load_folder
from flightwire.errors import AppLoadError, EncodeError, LoadAPIKeyError, NoSuchModelError, UserError
from flightwire.server.failures import (
    MAX_CAUSE_CHARS,
    MAX_CAUSES,
    MAX_FRAMES,
    digest_of,
    log_failure,
    to_failure,
    unwrap,
)
from flightwire.wire.flight.values import Failure
from flightwire.wire.flight.writer import Writer

pytestmark = pytest.mark.anyio

SECRET = "postgres://user:hunter2@db"


def raised(make: Any) -> BaseException:
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("did not raise")


def fail() -> None:
    raise ValueError(SECRET)


def production(error: BaseException) -> Failure:
    return to_failure(error, mode="production", app_root=Path(__file__).parent, action="getAnswer")


def development(error: BaseException, root: Path | None = Path(__file__).parent) -> Failure:
    return to_failure(error, mode="development", app_root=root, action="getAnswer")


def row(failure: Failure) -> bytes:
    writer = Writer()
    return writer.reject(writer.root, failure)


# --- production --------------------------------------------------------------------------------------------------


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


def from_secret() -> None:
    try:
        fail()
    except ValueError as error:
        raise KeyError(SECRET) from error


def with_notes() -> None:
    error = ValueError(SECRET)
    error.add_note(SECRET)
    raise error


def grouped() -> None:
    raise ExceptionGroup(SECRET, [raised(fail), raised(from_secret)])  # type: ignore[list-item]


def user_with_secrets() -> None:
    try:
        fail()
    except ValueError as cause:
        error = UserError("Say something first.")
        error.add_note(SECRET)
        raise error from cause


@pytest.mark.parametrize("make", [fail, from_secret, with_notes, grouped, user_with_secrets])
def test_a_production_page_learns_nothing_but_the_digest(make: Any) -> None:
    failure = production(raised(make))
    assert (failure.name, failure.message, failure.stack) == ("Error", "", ())
    sent = row(failure)
    for hidden in (
        SECRET.encode(),
        b"hunter2",
        __file__.encode(),
        b"ValueError",
        b"test_failures",
        b"getAnswer",
    ):
        assert hidden not in sent


def test_the_text_of_a_user_error_reaches_a_production_page() -> None:
    assert production(raised(user_with_secrets)).digest == "user:Say something first."


@pytest.mark.parametrize("text", ["", "näh 😀", "\ud800", "\0\n</script>", "x" * 100_000])
def test_any_text_of_a_user_error_can_be_sent(text: str) -> None:
    sent = row(production(UserError(text)))
    assert json.loads(sent.removeprefix(b"0:E"))["digest"].startswith("user:" + text[:1])
    assert len(sent) < 30_000


# --- digests -----------------------------------------------------------------------------------------------------


def test_one_failure_has_one_digest() -> None:
    assert digest_of(raised(fail)) == digest_of(raised(fail))
    assert len(digest_of(raised(fail))) == 12


def test_other_failures_have_other_digests() -> None:
    def elsewhere() -> None:
        raise ValueError(SECRET)

    def otherwise() -> None:
        raise TypeError(SECRET)

    errors = [raised(make) for make in (fail, elsewhere, otherwise, from_secret)]
    assert len({digest_of(error) for error in [*errors, ValueError("other"), ValueError("text")]}) == 6


def test_addresses_in_messages_do_not_change_the_digest() -> None:
    assert digest_of(ValueError(f"bad {object()!r}")) == digest_of(ValueError(f"bad {object()!r}"))


def test_a_digest_is_the_same_in_every_process_and_folder(tmp_path: Path) -> None:
    source = (
        "from flightwire.server.failures import digest_of\ndef f(): raise KeyError('k')\n"
        "try: f()\nexcept KeyError as e: print(digest_of(e))\n"
    )
    seen = set()
    for folder in ("a", "b"):
        script = tmp_path / folder / "script.py"
        script.parent.mkdir()
        script.write_text(source)
        seen.add(subprocess.run([sys.executable, script], capture_output=True, check=True, timeout=60).stdout)
    assert len(seen) == 1


def test_the_digest_of_an_exception_that_cannot_speak_is_made_all_the_same() -> None:
    assert len(digest_of(Unspeakable())) == 12
    assert development(Unspeakable()).message.startswith("(its message cannot be read)")


def test_a_group_of_one_is_its_exception() -> None:
    error = raised(fail)
    assert unwrap(ExceptionGroup("g", [ExceptionGroup("h", [error])])) is error  # type: ignore[list-item]
    assert digest_of(ExceptionGroup("g", [error])) == digest_of(error)  # type: ignore[list-item]


async def test_a_task_groups_failure_is_the_tasks() -> None:
    async def task() -> None:
        raise UserError("Say something first.")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            group.create_task(task())
            group.create_task(asyncio.sleep(10))
    assert digest_of(caught.value) == "user:Say something first."


def test_cancelled_siblings_do_not_count() -> None:
    error = ValueError("no")
    assert unwrap(BaseExceptionGroup("g", [asyncio.CancelledError(), error])) is error


def test_a_user_error_among_other_failures_is_not_shown_as_the_whole_story() -> None:
    group = ExceptionGroup("g", [UserError("Say something."), ValueError(SECRET)])
    assert not production(group).digest.startswith("user:")


def test_several_user_errors_show_the_first() -> None:
    assert digest_of(ExceptionGroup("g", [UserError("one"), UserError("two")])) == "user:one"


# --- development -------------------------------------------------------------------------------------------------


def app_error(tmp_path: Path) -> tuple[BaseException, Path]:
    (tmp_path / "actions.py").write_text(
        "import json\nfrom flightwire import action\n\n@action\ndef get_answer():\n    return inner()\n\n"
        "def inner():\n    return 1 + json.loads('{')\n"
    )
    loaded = load_folder(tmp_path)
    found = loaded.registry.get("actions#getAnswer")
    assert found is not None
    return raised(found.fn), tmp_path


def test_a_group_names_its_action_before_what_is_in_it() -> None:
    group = ExceptionGroup("two tasks failed", [ValueError("no"), KeyError("k")])
    message = to_failure(group, mode="development", app_root=None, action="getAnswer").message
    assert (
        message
        == "two tasks failed (2 sub-exceptions) (in action 'getAnswer')\n- ValueError: no\n- KeyError: 'k'"
    )


def test_a_developer_sees_name_message_action_and_the_apps_own_frames_innermost_first(tmp_path: Path) -> None:
    failure = development(*app_error(tmp_path))
    assert failure.name == "JSONDecodeError"
    assert failure.message.startswith("Expecting property name")
    assert failure.message.endswith("(in action 'getAnswer')")
    file = str(tmp_path / "actions.py")
    assert failure.stack == (
        ("inner", file, 9, 16, 8, 1, False),
        ("get_answer", file, 6, 12, 4, 1, False),
    )


async def test_frames_of_coroutines_say_so(tmp_path: Path) -> None:
    (tmp_path / "actions.py").write_text(
        "from flightwire import action\n@action\nasync def get_answer():\n    raise ValueError\n"
    )
    found = load_folder(tmp_path).registry.get("actions#getAnswer")
    assert found is not None
    try:
        await found.fn()
    except ValueError as error:
        failure = development(error, tmp_path)
    assert [(frame[0], frame[2], frame[6]) for frame in failure.stack] == [("get_answer", 4, True)]
    assert failure.message == "ValueError (in action 'getAnswer')"


def test_libraries_inside_the_app_folder_are_not_the_apps_own(tmp_path: Path) -> None:
    library = tmp_path / ".venv" / "lib" / "site-packages" / "lib.py"
    library.parent.mkdir(parents=True)
    library.write_text("def f(): raise ValueError\n")
    namespace: dict[str, Any] = {}
    exec(compile(library.read_text(), str(library), "exec"), namespace)
    assert development(raised(namespace["f"]), tmp_path).stack == ()


def test_without_an_app_folder_frames_are_all_that_are_no_librarys() -> None:
    assert [frame[0] for frame in development(raised(lambda: json.loads("{")), None).stack][-1] == "raised"
    assert all(frame[1] == __file__ for frame in development(raised(lambda: json.loads("{")), None).stack)


def test_an_exception_without_frames_of_the_app_shows_those_of_its_cause(tmp_path: Path) -> None:
    cause, root = app_error(tmp_path)
    error = RuntimeError("wrapped")
    error.__cause__ = cause
    assert [frame[0] for frame in development(error, root).stack] == ["inner", "get_answer"]


def test_what_an_exception_came_from_is_told_with_its_place(tmp_path: Path) -> None:
    cause, root = app_error(tmp_path)
    middle = KeyError("rates")
    middle.__context__ = cause
    error = RuntimeError("no price")
    error.__cause__ = middle
    told = development(error, root).message.splitlines()
    assert told == [
        "no price (in action 'getAnswer')",
        "because of KeyError: 'rates'",
        f"while handling {type(cause).__name__}: {cause} (actions.py:{development(cause, root).stack[0][2]})",
    ]
    error.__suppress_context__, error.__cause__ = True, None  # `from None`
    assert development(error, root).message == told[0]


def test_few_and_short_causes_are_told(tmp_path: Path) -> None:
    error = outermost = ValueError("0")
    for number in range(1, 9):
        error.__cause__ = error = ValueError(str(number) * 1000 + "\nmore")
    told = development(outermost, tmp_path).message.splitlines()
    assert len(told) == 1 + MAX_CAUSES
    assert told[1] == f"because of ValueError: {'1' * MAX_CAUSE_CHARS}"


def test_letters_and_cancellations_are_not_explained(tmp_path: Path) -> None:
    cancelled = TimeoutError("too slow")
    cancelled.__context__ = asyncio.CancelledError()
    assert development(cancelled, tmp_path).message == "too slow (in action 'getAnswer')"
    letter = NoSuchModelError("there is no such model.")
    letter.__cause__ = OSError("no route")
    assert "OSError" not in development(letter, tmp_path).message


def test_causes_in_a_circle_do_no_harm(tmp_path: Path) -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert development(first, tmp_path).stack == ()


def test_a_deep_recursion_is_told_in_few_frames() -> None:
    def deep() -> None:
        deep()

    failure = development(raised(deep))
    assert failure.name == "RecursionError"
    assert len(failure.stack) == MAX_FRAMES


def test_notes_and_the_parts_of_a_group_are_told() -> None:
    assert SECRET in development(raised(with_notes)).message.partition("\n")[2]
    message = development(raised(grouped)).message
    assert "- ValueError: " in message
    assert "- KeyError: " in message


def test_a_long_message_is_cut() -> None:
    assert len(development(ValueError("x" * 1_000_000)).message) < 5000


def test_our_own_letters_are_told_as_they_are() -> None:
    for error in (
        EncodeError("no", action="getAnswer"),
        AppLoadError("actions.py, line 1: no", path="actions.py"),
    ):
        assert development(error).message == str(error)


def test_a_failure_can_always_be_sent() -> None:
    for error in (ValueError("\ud800\0"), Unspeakable(), raised(grouped), raised(fail)):
        assert row(development(error)).startswith(b"0:E{")


# --- the log -----------------------------------------------------------------------------------------------------


def logged(error: BaseException, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="flightwire.actions"):
        log_failure(error, action="getAnswer")
    (record,) = caplog.records
    assert record.name == "flightwire.actions"
    return record


def test_the_log_has_the_digest_the_action_and_the_traceback(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(from_secret)
    record = logged(error, caplog)
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith(f"[{production(error).digest}] action 'getAnswer' failed: ")
    assert "fail" in caplog.text
    assert "direct cause" in caplog.text


def test_what_the_user_is_told_is_no_error_of_the_app(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(UserError("Say\nsomething\x1b[31m."), caplog)
    assert (record.levelno, record.exc_info) == (logging.INFO, None)
    assert "\n" not in record.getMessage()
    assert "\x1b" not in record.getMessage()


def test_a_letter_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    record = logged(LoadAPIKeyError("openai", "OPENAI_API_KEY"), caplog)
    assert record.exc_info is None
    assert "OPENAI_API_KEY" in record.getMessage()


def test_an_exception_that_cannot_speak_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert "cannot be read" in logged(Unspeakable(), caplog).getMessage()
