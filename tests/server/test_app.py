"""The app: the order of checks, letters for refusals, the three endings of a call, any prefix, any host."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path
from typing import Literal, TypedDict

import pytest
from starlette.requests import Request

import flightwire
from flightwire import action, after, create_streamable_value, start_soon, stream_text
from flightwire.errors import APICallError, AppLoadError, InvalidArgumentError, UserError
from flightwire.testing.models import ScriptedModel

from .asgi import Exchange, call

pytestmark = pytest.mark.anyio


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


def app_of(fn, **options):
    """An app with one action, and the action's id."""
    made = fn if isinstance(fn, flightwire.Action) else action(fn)
    return flightwire.app(actions=[made], **options), made.id


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


# --- done --------------------------------------------------------------------------------------------------------


async def test_a_call_returns_what_the_action_returns() -> None:
    async def echo(history: list[Message]) -> dict:
        return {"messages": history}

    app, id = app_of(echo)
    done = await call(app, id, [{"role": "user", "content": "$$5", "id": 7}]).finish()
    assert done.status == 200
    assert done.headers["content-type"] == "text/x-component"
    assert done.root == {"messages": [{"role": "user", "content": "$$5", "id": 7}]}


async def test_nexts_header_names_an_action_too() -> None:
    async def ping() -> str:
        return "pong"

    app, id = app_of(ping)
    done = await Exchange(
        app, headers={"next-action": id, "sec-fetch-site": "same-origin"}, body=b"[]"
    ).finish()
    assert done.root == "pong"


async def test_a_call_arrives_under_any_path_and_prefix() -> None:
    async def ping() -> str:
        return "pong"

    app, id = app_of(ping)
    for root_path, path in (("", "/"), ("", "/chat/7"), ("/x/y", "/"), ("/x/y", "/chat")):
        assert (await call(app, id, root_path=root_path, path=path).finish()).root == "pong"


async def test_an_answer_streams_to_the_page() -> None:
    model = ScriptedModel(["Hel", "lo"], gated=True)

    async def chat() -> dict:
        return {"text": create_streamable_value(stream_text(model=model, prompt="Hi").text_stream).value}

    app, id = app_of(chat)
    running = call(app, id)
    await running.until(lambda e: b"ui.streamable.value" in e.body)
    model.release()
    await running.until(lambda e: b'"Hel"' in e.body)
    assert b'"lo"' not in running.body
    model.release()
    await running.finish()
    assert b'"lo"' in running.body
    assert running.messages[-1]["more_body"] is False


async def test_a_sync_action_runs_in_a_thread_and_may_stream() -> None:
    seen: list[int] = []

    def slow() -> object:
        seen.append(threading.get_ident())
        stream = create_streamable_value("")

        def work() -> None:
            stream.append("a")
            stream.done()

        threading.Thread(target=work).start()
        return stream.value

    app, id = app_of(slow)
    done = await call(app, id).finish()
    assert b'"a"' in done.body
    assert seen != [threading.get_ident()]


async def test_after_runs_when_the_response_is_complete() -> None:
    order: list[str] = []

    async def chat() -> str:
        after(order.append, "after")
        return "x"

    app, id = app_of(chat)
    running = call(app, id)
    await running.finish()
    assert order == ["after"]


async def test_work_goes_on_after_the_response() -> None:
    order: list[str] = []
    go = asyncio.Event()

    async def chat() -> str:
        async def work() -> None:
            await go.wait()
            order.append("work")

        start_soon(work)
        return "x"

    app, id = app_of(chat)
    running = call(app, id)
    await running.until(lambda e: e.messages and not e.messages[-1].get("more_body", True))
    running.leave()
    go.set()
    await running.finish()
    assert order == ["work"]


# --- failed ------------------------------------------------------------------------------------------------------


async def test_a_failure_reaches_a_production_page_as_a_digest(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    app, id = app_of(broken)
    with caplog.at_level(logging.ERROR):
        done = await call(app, id).finish()
    assert done.status == 500
    assert done.root["message"] == ""
    assert b"hunter2" not in done.body
    assert done.root["digest"] in caplog.text
    assert "hunter2" in caplog.text


async def test_development_shows_the_exception_and_its_frames() -> None:
    async def broken() -> None:
        raise RuntimeError("what went wrong")

    app, id = app_of(broken, mode="development")
    root = (await call(app, id).finish()).root
    assert root["name"] == "RuntimeError"
    assert root["message"] == "what went wrong (in action 'broken')"
    function, file, line = root["stack"][0][:3]
    assert (function.rpartition(".")[2], Path(file).name) == ("broken", "test_app.py")
    assert line > 0


async def test_a_user_error_is_shown_in_production_too() -> None:
    async def strict() -> None:
        raise UserError("Say something first.")

    app, id = app_of(strict)
    assert "Say something first." in (await call(app, id).finish()).root["digest"]


async def test_a_failing_upstream_ends_the_stream_and_stands_in_the_log_once(caplog) -> None:
    error = APICallError("Too many requests", url="https://example.com/v1", status_code=429)
    model = ScriptedModel(["kept", error])

    async def chat() -> object:
        stream = create_streamable_value("")

        async def pump() -> None:
            async with stream:
                async for text in stream_text(model=model, prompt="Hi").text_stream:
                    stream.append(text)

        start_soon(pump)
        return stream.value

    app, id = app_of(chat)
    with caplog.at_level(logging.ERROR):
        done = await call(app, id).finish()
    assert done.status == 200
    assert b'"kept"' in done.body
    assert b":E{" in done.body
    assert len([r for r in caplog.records if "Too many requests" in r.getMessage()]) == 1
    assert caplog.records[0].exc_info is None  # the letter says it all


async def test_what_cannot_be_sent_names_the_action_and_the_path(caplog) -> None:
    async def save() -> dict:
        return {"db": object()}

    app, id = app_of(save, mode="development")
    root = (await call(app, id).finish()).root
    assert "action 'save'" in root["message"]
    assert "result['db']" in root["message"]


async def test_an_action_that_runs_too_long_ends() -> None:
    @action(max_duration_s=0.02)
    async def endless() -> None:
        await asyncio.sleep(60)

    app, id = app_of(endless, mode="development")
    assert "0.02 s" in (await call(app, id).finish()).root["message"]


# --- client gone -------------------------------------------------------------------------------------------------


async def leaves(model: ScriptedModel, when) -> float:
    """How long after the browser has left the model is closed, in seconds."""

    async def chat() -> object:
        stream = create_streamable_value("")

        async def pump() -> None:
            async with stream:
                async for text in stream_text(model=model, prompt="Hi").text_stream:
                    stream.append(text)

        start_soon(pump)
        return stream.value

    app, id = app_of(chat)
    running = call(app, id)
    await until(lambda: model.open_streams)
    await when(running)
    running.leave()
    began = time.monotonic()
    await until(lambda: not model.open_streams)
    took = time.monotonic() - began
    await running.finish()
    assert model.left_early == 1
    return took


async def test_a_browser_that_goes_away_before_the_first_token_closes_the_model() -> None:
    async def at_once(running: Exchange) -> None: ...

    assert await leaves(ScriptedModel(gated=True), at_once) < 0.5


async def test_a_browser_that_goes_away_in_the_middle_closes_the_model() -> None:
    model = ScriptedModel(["a", "b"], gated=True)

    async def after_one(running: Exchange) -> None:
        model.release()
        await running.until(lambda e: b'"a"' in e.body)

    assert await leaves(model, after_one) < 0.5


async def test_a_browser_that_goes_away_cancels_the_action_before_it_returns() -> None:
    state: list[str] = []

    async def slow() -> None:
        state.append("begun")
        try:
            await asyncio.sleep(60)
        finally:
            state.append("ended")

    app, id = app_of(slow)
    running = call(app, id)
    await until(lambda: state)
    running.leave()
    await running.finish()
    assert state == ["begun", "ended"]
    assert running.messages == []


async def test_after_runs_when_the_client_is_gone_too() -> None:
    ran: list[str] = []
    begun = asyncio.Event()

    async def slow() -> None:
        after(ran.append, "after")
        begun.set()
        await asyncio.sleep(60)

    app, id = app_of(slow)
    running = call(app, id)
    await begun.wait()
    running.leave()
    await running.finish()
    assert ran == ["after"]


async def test_a_server_that_cancels_us_leaves_nothing_running() -> None:
    model = ScriptedModel(gated=True)

    async def chat() -> object:
        return create_streamable_value(stream_text(model=model, prompt="Hi").text_stream).value

    app, id = app_of(chat)
    running = call(app, id)
    await until(lambda: model.open_streams)
    running.task.cancel()
    await asyncio.wait([running.task])
    assert running.task.cancelled()
    assert model.open_streams == 0


# --- refused -----------------------------------------------------------------------------------------------------


async def echo(text: str, times: int = 1) -> str:
    return text * times


@pytest.mark.parametrize(
    ("args", "headers", "status", "letter"),
    [
        (("a", 1, 2), {}, 400, "at most 2"),
        ((), {}, 400, "text"),
        ((7,), {}, 400, "text"),
        (("a", "b"), {}, 400, "times"),
        (("a",), {"rsc-action-id": "actions#nothing"}, 404, "reload"),
        (("a",), {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403, "evil.example"),
        (("x" * 2000,), {"content-length": "3000"}, 413, "1000 bytes"),
        (("x" * 2000,), {}, 413, "1000 bytes"),
        (("a",), {"content-type": "application/xml"}, 400, ""),
    ],
)
async def test_a_call_that_cannot_be_gets_a_status_and_a_letter(args, headers, status, letter) -> None:
    made = action(max_body_bytes=1000)(echo)
    done = await call(flightwire.app(actions=[made]), made.id, *args, headers=headers).finish()
    assert done.status == status
    assert done.headers["content-type"].startswith("text/plain")
    assert letter in done.text


async def test_origin_is_judged_before_the_action_is_looked_up_and_the_body_read() -> None:
    app, _ = app_of(echo)
    done = await call(
        app, "actions#nothing", headers={"sec-fetch-site": "cross-site"}, body=b"{" * 10
    ).finish()
    assert done.status == 403


async def test_an_allowed_origin_may_call() -> None:
    app, id = app_of(echo, allowed_origins=["https://example.com"])
    headers = {"sec-fetch-site": "cross-site", "origin": "https://example.com"}
    assert (await call(app, id, "a", headers=headers).finish()).root == "a"


async def test_a_body_that_is_no_reply_is_refused() -> None:
    app, id = app_of(echo)
    for body in (b"{", b'"x"', b'["$1"]', b"\xff", b""):
        assert (await call(app, id, body=body).finish()).status == 400


async def test_a_post_without_an_action_is_refused() -> None:
    app, _ = app_of(echo)
    done = await Exchange(app, headers={"sec-fetch-site": "same-origin"}).finish()
    assert done.status == 400
    assert "rsc-action-id" in done.text


async def test_other_methods_are_refused() -> None:
    app, _ = app_of(echo)
    done = await Exchange(app, method="DELETE").finish()
    assert (done.status, done.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_a_get_without_pages_says_so() -> None:
    app, _ = app_of(echo)
    done = await Exchange(app, method="GET").finish()
    assert done.status == 404


# --- the app itself ----------------------------------------------------------------------------------------------


async def test_an_app_needs_something_to_serve(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="folder or actions"):
        flightwire.app()
    with pytest.raises(InvalidArgumentError, match="no such folder"):
        flightwire.app(tmp_path / "nowhere")
    with pytest.raises(InvalidArgumentError, match="not an action"):
        flightwire.app(actions=[echo])


async def test_a_folders_actions_can_be_called(tmp_path: Path) -> None:
    (tmp_path / "actions.py").write_text(
        "from flightwire import action\n\n@action\nasync def say_hello(name: str) -> str:\n    return f'Hello, {name}!'\n"
    )
    app = flightwire.app(tmp_path, mode="development")
    assert (await call(app, "actions#sayHello", "Ada").finish()).root == "Hello, Ada!"


async def test_a_broken_folder_answers_with_a_letter_until_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "actions.py"
    file.write_text("from flightwire import action\n\n@action\nasync def f( -> str: ...\n")
    app = flightwire.app(tmp_path, mode="development")
    done = await call(app, "actions#f").finish()
    assert done.status == 500
    assert "actions.py" in done.root["message"]
    file.write_text("from flightwire import action\n\n@action\nasync def f() -> str:\n    return 'ok'\n")
    app.reload()
    assert (await call(app, "actions#f").finish()).root == "ok"


async def test_an_annotation_that_cannot_be_checked_is_a_letter_until_it_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "actions.py"
    code = "from flightwire import action\n\n@action\nasync def f(a: {}) -> str:\n    return 'ok'\n"
    file.write_text(code.format("bytearray"))
    app = flightwire.app(tmp_path, mode="development")
    await app.startup()
    refused = await call(app, "actions#f", 1).finish()
    assert refused.status == 500
    assert refused.root["message"].startswith(
        "actions.py, line 3: Argument 'a' of action 'f' has an annotation"
    )
    file.write_text(code.format("int"))
    app.reload()
    assert (await call(app, "actions#f", 1).finish()).root == "ok"
    file.write_text(code.format("memoryview"))
    app.reload()
    async with asyncio.timeout(20):
        while app.load_error is None:
            await asyncio.sleep(0.01)
    assert app.load_error.line == 3


async def test_production_does_not_start_with_an_annotation_that_cannot_be_checked(tmp_path: Path) -> None:
    code = "from flightwire import action\n\n@action\nasync def f(a: bytearray) -> None: ...\n"
    (tmp_path / "actions.py").write_text(code)
    with pytest.raises(AppLoadError, match=r"actions\.py, line 3: Argument 'a'"):
        await flightwire.app(tmp_path, mode="production").startup()


async def test_a_reload_changes_what_an_action_does(tmp_path: Path) -> None:
    file = tmp_path / "actions.py"
    code = "from flightwire import action\n\n@action\nasync def f() -> int:\n    return {}\n"
    file.write_text(code.format(1))
    app = flightwire.app(tmp_path, mode="development")
    assert (await call(app, "actions#f").finish()).root == 1
    file.write_text(code.format(2))
    app.reload()
    assert (await call(app, "actions#f").finish()).root == 2


async def test_an_action_may_ask_for_the_request() -> None:
    async def who(request: Request, name: str = "nobody") -> str:
        return f"{name} via {request.headers['host']} on {request.url.path}"

    app, id = app_of(who)
    assert (await call(app, id, "Ada").finish()).root == "Ada via localhost:3000 on /"


async def test_development_is_for_this_machines_names() -> None:
    async def ping() -> str:
        return "pong"

    app, id = app_of(ping, mode="development")
    refused = await call(app, id, headers={"host": "evil.example"}).finish()
    assert refused.status == 403
    app, id = app_of(ping)
    assert (await call(app, id, headers={"host": "app.example"}).finish()).root == "pong"


# --- the garbage collector ---------------------------------------------------------------------------------------


async def ping() -> str:
    return "pong"


async def frozen_by(mode: Literal["production", "development"], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr("flightwire.server.app._is_frozen", False)
    monkeypatch.setattr("flightwire.server.app.gc.collect", lambda: done.append("collect"))
    monkeypatch.setattr("flightwire.server.app.gc.freeze", lambda: done.append("freeze"))
    for _ in range(2):
        app, _ = app_of(ping, mode=mode)
        async with app.lifespan():
            pass
    return done


async def test_what_was_imported_is_kept_from_the_garbage_collector_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await frozen_by("production", monkeypatch) == ["collect", "freeze"]


async def test_in_development_modules_that_are_replaced_stay_collectable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await frozen_by("development", monkeypatch) == []
