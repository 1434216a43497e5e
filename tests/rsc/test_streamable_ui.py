"""Streamable UI: what a function may do with it, and the two ways it travels."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from flightwire import Element, Node, action, create_streamable_ui, html, start_soon
from flightwire.errors import InvalidArgumentError, RemoteError, StreamableClosedError
from flightwire.rsc.reading import read_streamable_value
from flightwire.rsc.streamable_ui import RUNTIME_MODULE, StreamableUI
from flightwire.testing import ActionClient

pytestmark = pytest.mark.anyio
Write = Callable[[StreamableUI], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def writing(write: Write, initial: Node = "…") -> Any:
    """An action that returns a streamable UI and writes to it in the background."""

    @action(name="show")
    async def show() -> Node:
        ui = create_streamable_ui(initial)
        start_soon(write, ui)
        return ui.value

    return show


async def shown(write: Write, initial: Node = "…", *, has_runtime: bool) -> AsyncIterator[Any]:
    headers = {"x-flightwire-runtime": "1"} if has_runtime else {}
    show = writing(write, initial)
    async with ActionClient(actions=[show], headers=headers) as client:
        yield await client.call(show)


async def edits(write: Write, initial: Node = "…") -> list[Any]:
    """What a page with our runtime gets: the first tree, then each edit."""
    async for node in shown(write, initial, has_runtime=True):
        assert (node.type.module_id, node.type.name) == (RUNTIME_MODULE, "StreamedUI")
        return [node.props["initial"], *[each async for each in read_streamable_value(node.props["edits"])]]
    raise AssertionError


async def nested(write: Write, initial: Node = "…") -> list[Any]:
    """What another client gets: each fallback, then what is in the innermost place."""
    async for node in shown(write, initial, has_runtime=False):
        return await unfolded(node)
    raise AssertionError


async def unfolded(node: Any) -> list[Any]:
    if not (isinstance(node, Element) and getattr(node.type, "name", "") == "react.suspense"):
        return [node]
    inner = await node.props["children"]
    if isinstance(inner, list) and len(inner) == 2:
        return [node.props["fallback"], ["append", *await unfolded(inner[1])]]
    return [node.props["fallback"], *await unfolded(inner)]


async def test_each_update_is_an_edit() -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("a").update("ab").append("c").update("d").done("de")

    assert await edits(write) == [
        ["…"],
        [[0, [0], "a"]],
        [[1, [0], "b"]],
        [[3, [], 1, 0, "c"]],
        [[0, [1], "d"]],
        [[1, [1], "e"]],
    ]


async def test_without_our_runtime_each_update_is_a_suspense_inside_the_last() -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("a").append("b").update("c").done("d")

    assert await nested(write) == ["…", "a", ["append", "b", "c", "d"]]


async def test_a_ui_that_is_done_shows_its_last_state() -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("last").done()

    assert await nested(write) == ["…", "last", "last"]


async def test_the_same_node_again_is_no_update() -> None:
    node = html.p("a")

    async def write(ui: StreamableUI) -> None:
        ui.update(node).update(node).done()

    assert len(await edits(write, node)) == 1


async def test_a_snapshot_holds_what_was_shown_before_it() -> None:
    @action
    async def show() -> Node:
        ui = create_streamable_ui("a").append("b").update("c")
        value = ui.value
        ui.done("d")
        return value

    async with ActionClient(actions=[show], headers={"x-flightwire-runtime": "1"}) as client:
        node = await client.call(show)
        assert node.props["initial"] == ["a", "c"]
        assert [each async for each in read_streamable_value(node.props["edits"])] == [[[0, [1], "d"]]]


async def test_a_ui_inside_a_ui_goes_on_by_itself() -> None:
    async def write(ui: StreamableUI) -> None:
        inner = create_streamable_ui("inner")
        ui.done(html.p(inner.value))
        inner.done("changed")

    _, last = await edits(write)
    inner = last[0][2].props["children"]
    assert [each async for each in read_streamable_value(inner.props["edits"])] == [[[0, [0], "changed"]]]


@pytest.mark.parametrize("method", ["update", "append", "done", "error"])
async def test_after_the_end_every_method_says_so(method: str) -> None:
    ui = create_streamable_ui().done()
    argument = RuntimeError() if method == "error" else "x"
    with pytest.raises(StreamableClosedError, match=rf"\.{method}\(\): the streamable UI has already ended"):
        getattr(ui, method)(argument)


async def test_done_takes_one_node() -> None:
    with pytest.raises(InvalidArgumentError, match="takes one node, got 2"):
        create_streamable_ui().done("a", "b")


@pytest.mark.parametrize("read", [edits, nested])
async def test_a_writer_that_fails_ends_it_with_its_error(read: Any) -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("a")
        raise RuntimeError("in the middle")

    with pytest.raises(RemoteError, match="in the middle"):
        await read(write)


@pytest.mark.parametrize("read", [edits, nested])
async def test_a_ui_that_nobody_can_finish_ends_with_an_error(read: Any) -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("a")

    with pytest.raises(RemoteError, match="nobody can finish"):
        await asyncio.wait_for(read(write), 10)


@pytest.mark.parametrize("read", [edits, nested])
async def test_the_context_manager_ends_it(read: Any) -> None:
    async def write(ui: StreamableUI) -> None:
        async with ui:
            ui.update("a")

    assert (await read(write))[0] in ("…", ["…"])


async def test_the_context_manager_passes_an_exception_on() -> None:
    ui = create_streamable_ui()
    with pytest.raises(KeyError):
        async with ui:
            raise KeyError("x")
    assert not ui.is_open


async def test_a_node_that_cannot_be_sent_ends_it_with_an_error() -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("before")
        ui.done(html.p(object()))  # type: ignore[arg-type] # the mistake

    with pytest.raises(RemoteError, match="object"):
        await edits(write)


async def test_plain_functions_write_from_their_thread() -> None:
    @action
    def show() -> Node:
        ui = create_streamable_ui("a")
        value = ui.value
        ui.update("b")
        ui.done("c")
        return value

    async with ActionClient(actions=[show], headers={"x-flightwire-runtime": "1"}) as client:
        node = await client.call(show)
        got = [each async for each in read_streamable_value(node.props["edits"])]
    assert got == [[[0, [0], "b"]], [[0, [0], "c"]]]


async def test_a_reader_that_goes_away_leaves_nothing_behind() -> None:
    started = asyncio.Event()

    async def write(ui: StreamableUI) -> None:
        async with ui:
            n = 0
            while True:
                n += 1
                ui.update(n)
                started.set()
                await asyncio.sleep(0)

    show = writing(write)
    async with ActionClient(actions=[show], headers={"x-flightwire-runtime": "1"}) as client:
        call = client.start(show)
        await call
        await started.wait()
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, StreamableUI) and each.is_open]


def test_outside_of_a_request_and_a_loop_it_can_be_made_and_ended() -> None:
    assert not create_streamable_ui("a").update("b").done().is_open
