"""A browser without a browser: the whole way of a call, in this process."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import flightwire
from flightwire import (
    ActionNotFoundError,
    ArgumentError,
    ConnectionClosedError,
    ForbiddenError,
    RemoteError,
    UserError,
    action,
    create_streamable_value,
    read_streamable_value,
    stream_text,
)
from flightwire.client import Promise
from flightwire.errors import BodyTooLargeError, DecodeError, InvalidArgumentError
from flightwire.testing import ActionClient, ScriptedModel
from flightwire.testing.fixtures import scripted_model, scripted_upstream  # noqa: F401  # fixtures
from flightwire.testing.upstream import ScriptedUpstream
from flightwire.wire.flight.values import File, FormData

pytestmark = pytest.mark.anyio


@action
async def get_answer(question: str) -> Any:
    result = stream_text(prompt=question)
    return create_streamable_value(result.text_stream).value


@action
async def get_named(question: str) -> Any:
    result = stream_text(model="openai/gpt-5.4-mini", prompt=question)
    return {"text": result.text}


@action
async def echo(value: Any = "nothing") -> Any:
    return value


@action
def shout(text: str) -> str:
    return text.upper()


@action
async def fail(kind: str) -> Any:
    if kind == "user":
        raise UserError("No more tickets.")
    raise KeyError("secret")


@action
async def fail_later() -> Any:
    async def later() -> str:
        raise UserError("Too late.")

    return {"now": 1, "later": later(), "also": create_streamable_value(broken()).value}


async def broken() -> AsyncIterator[str]:
    yield "a"
    raise ValueError("inside")


@action
async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


@action
async def describe(form: FormData) -> Any:
    file = form["file"]
    assert isinstance(file, File)
    return {"name": file.filename, "size": len(file.data), "text": form["text"]}


async def values_of(streamable: Any) -> list[Any]:
    return [value async for value in read_streamable_value(streamable)]


# done


async def test_answer_streams_from_a_scripted_model() -> None:
    async with ActionClient(actions=[get_answer], model=ScriptedModel(["Hel", "lo"])) as client:
        reply = await client.call(get_answer, "Why?")
        assert await values_of(reply) == ["Hel", "Hello"]


async def test_model_of_the_client_stands_in_for_names() -> None:
    model = ScriptedModel(["Hi"])
    async with ActionClient(actions=[get_named], model=model) as client:
        reply = await client.call("get_named", "Why?")
        assert await reply["text"] == "Hi"
    assert len(model.calls) == 1


async def test_model_of_the_client_is_for_its_app_alone() -> None:
    async with ActionClient(actions=[get_answer], model=ScriptedModel(["one"])) as first:
        async with ActionClient(actions=[get_answer], model=ScriptedModel(["two"])) as second:
            replies = await first.call(get_answer, "?"), await second.call(get_answer, "?")
            assert [await values_of(reply) for reply in replies] == [["one"], ["two"]]
    with pytest.raises(flightwire.NoSuchModelError):
        stream_text(model="nobody/knows", prompt="?")


@pytest.mark.parametrize(
    "name", ["get_answer", "getAnswer", "test_action_client#getAnswer", get_answer], ids=str
)
async def test_actions_are_called_by_any_of_their_names(name: Any) -> None:
    async with ActionClient(actions=[get_answer], model=ScriptedModel(["Hi"])) as client:
        assert await values_of(await client.call(name, "?")) == ["Hi"]


@pytest.mark.parametrize(
    "value", [1, None, [{"a": [1.5, True]}], {"text": "$1 \n 🦜"}, b"bytes", "x" * 200_000], ids=type
)
async def test_values_come_back_as_they_were(value: Any) -> None:
    async with ActionClient(actions=[echo]) as client:
        assert await client.call(echo, value) == value


async def test_defaults_stand_in_for_what_is_left_out() -> None:
    async with ActionClient(actions=[echo]) as client:
        assert await client.call(echo) == "nothing"


async def test_sync_actions_are_called() -> None:
    async with ActionClient(actions=[shout]) as client:
        assert await client.call(shout, "hi") == "HI"


async def test_async_iterables_come_item_by_item() -> None:
    async with ActionClient(actions=[numbers]) as client:
        stream = await client.call(numbers, 3)
        assert [number async for number in stream] == [0, 1, 2]
        assert [number async for number in stream] == [0, 1, 2]


async def test_forms_and_files_are_sent() -> None:
    form = FormData([("text", "hi"), ("file", File("ä.txt", "text/plain", b"123"))])
    async with ActionClient(actions=[describe]) as client:
        assert await client.call(describe, form) == {"name": "ä.txt", "size": 3, "text": "hi"}
        assert client.last.rows[0][0] == 0


async def test_values_arrive_as_they_come() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    async with ActionClient(actions=[get_answer], model=model) as client:
        reply = await client.call(get_answer, "?")
        deltas = read_streamable_value(reply)
        model.release()
        assert await anext(deltas) == "a"
        assert client.last.is_open
        model.release()
        assert await anext(deltas) == "ab"
        await client.last.finished()


async def test_more_than_is_read_ahead_comes_when_it_is_asked_for() -> None:
    @action
    async def much() -> AsyncIterator[str]:
        for _ in range(60):
            yield "x" * 50_000

    async with ActionClient(actions=[much]) as client:
        stream = await client.call(much)
        assert sum([len(text) async for text in stream]) == 3_000_000


async def test_response_can_be_looked_at() -> None:
    async with ActionClient(actions=[echo]) as client:
        await client.call(echo, {"a": 1})
        await client.last.finished()
        assert client.last.status == 200
        assert client.last.headers["content-type"] == "text/x-component"
        assert client.last.rows == [(0, "", b'{"a":1}')]
        assert client.last.body == b'0:{"a":1}\n'


# failed


async def test_user_errors_come_as_user_errors_in_either_mode() -> None:
    for mode in ("development", "production"):
        async with ActionClient(actions=[fail], mode=mode) as client:
            with pytest.raises(UserError, match=r"^No more tickets\.$"):
                await client.call(fail, "user")


async def test_failures_have_a_digest_and_in_development_a_story() -> None:
    async with ActionClient(actions=[fail]) as client:
        with pytest.raises(RemoteError) as caught:
            await client.call(fail, "other")
        assert caught.value.digest
        assert caught.value.name == "KeyError"
        assert "secret" in caught.value.message
        assert client.last.status == 500


async def test_production_gives_the_digest_alone() -> None:
    async with ActionClient(actions=[fail], mode="production") as client:
        with pytest.raises(RemoteError) as caught:
            await client.call(fail, "other")
        assert caught.value.message == ""
        assert b"secret" not in client.last.body


async def test_what_fails_later_fails_where_it_is_awaited() -> None:
    async with ActionClient(actions=[fail_later]) as client:
        reply = await client.call(fail_later)
        assert reply["now"] == 1
        with pytest.raises(UserError, match="Too late"):
            await reply["later"]
        with pytest.raises(RemoteError, match="inside"):
            await values_of(reply["also"])


async def test_failing_model_fails_the_stream_after_what_came() -> None:
    model = ScriptedModel(["Hel", ValueError("broke")])
    async with ActionClient(actions=[get_answer], model=model) as client:
        deltas = read_streamable_value(await client.call(get_answer, "?"))
        assert await anext(deltas) == "Hel"
        with pytest.raises(RemoteError, match="broke"):
            await anext(deltas)


async def test_wrong_arguments_are_refused_with_the_letter() -> None:
    async with ActionClient(actions=[shout]) as client:
        with pytest.raises(ArgumentError, match="text"):
            await client.call(shout, 5)
        assert client.last.status == 400


async def test_unknown_action_is_not_found() -> None:
    async with ActionClient(actions=[shout]) as client:
        with pytest.raises(ActionNotFoundError, match="actions#noSuchThing") as caught:
            await client.call("no_such_thing")
        assert caught.value.action_id == "actions#noSuchThing"


async def test_deeply_nested_arguments_are_no_call() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    async with ActionClient(actions=[echo]) as client:
        with pytest.raises(DecodeError, match="64"):
            await client.call(echo, deep)


async def test_body_too_large_is_refused() -> None:
    async with ActionClient(flightwire.app(actions=[shout], max_body_bytes=100)) as client:
        with pytest.raises(BodyTooLargeError, match="larger than 100 bytes") as caught:
            await client.call("test_action_client#shout", "x" * 200)
        assert caught.value.max_body_bytes == 100


async def test_page_of_another_site_is_forbidden_unless_it_is_allowed() -> None:
    async with ActionClient(actions=[echo], origin="https://evil.example") as client:
        with pytest.raises(ForbiddenError, match="evil"):
            await client.call(echo)
    friend = "https://friend.example"
    async with ActionClient(actions=[echo], origin=friend, allowed_origins=[friend]) as client:
        assert await client.call(echo, 1) == 1


async def test_program_with_cookies_must_say_where_it_comes_from() -> None:
    async with ActionClient(actions=[echo], origin=None) as client:
        assert await client.call(echo, 1) == 1
        with pytest.raises(ForbiddenError):
            await client.call(echo, 1, cookies={"session": "x"})


async def test_app_that_breaks_tells_the_test_how() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async with ActionClient(app) as client:
        with pytest.raises(ZeroDivisionError):
            await client.call("anything")


async def test_app_that_breaks_off_ends_what_it_promised() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/x-component")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'0:"$@1"\n', "more_body": True})

    async with ActionClient(app) as client:
        with pytest.raises(ConnectionClosedError, match="'actions#anything' ended after 8 bytes"):
            await client.call("anything")


# client gone


async def test_browser_that_leaves_stops_the_model() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    async with ActionClient(actions=[get_answer], model=model) as client:
        deltas = read_streamable_value(await client.call(get_answer, "?"))
        model.release()
        assert await anext(deltas) == "a"
        await client.leave()
        assert (model.open_streams, model.left_early) == (0, 1)
        with pytest.raises(ConnectionClosedError, match="closed here"):
            await anext(deltas)


async def test_browser_that_has_left_may_call_again() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    async with ActionClient(actions=[get_answer], model=model) as client:
        await client.call(get_answer, "?")
        await client.leave()
        model.release(2)
        assert await values_of(await client.call(get_answer, "?")) == ["a", "ab"]


async def test_cancelled_call_stops_the_action() -> None:
    stopped = asyncio.Event()
    started = asyncio.Event()

    @action
    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with ActionClient(actions=[forever]) as client:
        call = asyncio.create_task(client.call(forever))
        await started.wait()
        call.cancel()
        await stopped.wait()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_one_call_is_stopped_and_others_go_on() -> None:
    model = ScriptedModel(["a"], gated=True)
    async with ActionClient(actions=[get_answer], model=model) as client:
        other = await client.call(get_answer, "?")
        async with client.start(get_answer, "?") as call:
            deltas = read_streamable_value(await call)
        with pytest.raises(ConnectionClosedError):
            await anext(deltas)
        model.release(2)
        assert await values_of(other) == ["a"]


async def test_leaving_the_block_stops_what_runs() -> None:
    model = ScriptedModel(["a"], gated=True)
    async with ActionClient(actions=[get_answer], model=model) as client:
        await client.call(get_answer, "?")
    assert model.open_streams == 0
    with pytest.raises(InvalidArgumentError, match="closed"):
        await client.call(get_answer, "?")


async def test_background_work_is_waited_for() -> None:
    done: list[str] = []

    @action
    async def register() -> str:
        flightwire.after(done.append, "after")
        return "ok"

    async with ActionClient(actions=[register]) as client:
        assert await client.call(register) == "ok"
        await client.settle()
        assert done == ["after"]


# folders and mounts


def write(folder: Path, name: str, code: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(textwrap.dedent(code))


GREETING = """
    from flightwire import action, stream_text

    @action
    async def get_greeting(name: str) -> str:
        return f"{await stream_text(prompt=name).text}, {name}"
"""


async def test_folder_is_served(tmp_path: Path) -> None:
    write(tmp_path, "actions.py", GREETING)
    write(tmp_path, "recipes/x/actions.py", GREETING)
    async with ActionClient(tmp_path, model=ScriptedModel(["Hello"])) as client:
        assert await client.call("get_greeting", "Ann") == "Hello, Ann"
        assert await client.call("recipes/x/actions#getGreeting", "Ann") == "Hello, Ann"
        assert await client.call("recipes/x/actions#get_greeting", "Ann") == "Hello, Ann"


async def test_broken_folder_is_told_to_who_calls(tmp_path: Path) -> None:
    write(tmp_path, "actions.py", "def broken(:")
    async with ActionClient(str(tmp_path)) as client:
        with pytest.raises(RemoteError, match=r"actions\.py"):
            await client.call("anything")


async def test_mounted_app_is_called_under_its_prefix() -> None:
    from fastapi import FastAPI

    host = FastAPI()
    host.mount("/ai", flightwire.app(actions=[echo], mode="production"))
    async with ActionClient(host, prefix="/ai") as client:
        assert await client.call("test_action_client#echo", 1) == 1


async def test_app_and_actions_are_not_both_taken() -> None:
    with pytest.raises(InvalidArgumentError, match="an app or actions"):
        ActionClient(flightwire.app(actions=[echo]), actions=[echo])


async def test_action_in_an_answer_can_be_called() -> None:
    @action
    async def offer() -> Any:
        return {"next": echo}

    async with ActionClient(actions=[offer, echo]) as client:
        offered = await client.call(offer)
        assert await client.call(offered["next"], 5) == 5


async def test_promises_are_awaited_any_number_of_times() -> None:
    @action
    async def soon() -> Any:
        async def later() -> int:
            return 7

        return [later()]

    async with ActionClient(actions=[soon]) as client:
        (promise,) = await client.call(soon)
        assert isinstance(promise, Promise)
        assert await asyncio.gather(promise, promise) == [7, 7]
        assert await promise == 7


# fixtures


async def test_fixtures_are_models_and_upstreams(
    scripted_model: ScriptedModel,  # noqa: F811  # the fixture
    scripted_upstream: ScriptedUpstream,  # noqa: F811  # the fixture
) -> None:
    async with ActionClient(actions=[get_answer], model=scripted_model) as client:
        assert (await values_of(await client.call(get_answer, "?")))[-1] == "Hello, world!"
    assert scripted_upstream.base_url.startswith("http://127.0.0.1:")
