"""stream_ui: text and tool calls shown while they come, in order, to one of three endings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from flightwire import Element, Node, ToolContext, action, html, is_step_count, stream_ui, tool, ui_tool
from flightwire.errors import InvalidArgumentError, RemoteError
from flightwire.rsc.reading import read_streamable_value
from flightwire.testing import ActionClient, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Show:
    """One answer, shown to a page with our runtime."""

    def __init__(self, script: Any, **options: Any) -> None:
        self.ends: list[Any] = []
        self.model = script if isinstance(script, ScriptedModel) else ScriptedModel(script)

        @action(name="show")
        async def show() -> Node:
            return stream_ui(model=self.model, prompt="Hi", on_end=self.ends.append, **options).value

        self.action = show

    async def states(self) -> list[Any]:
        """Every state that the page shows, as text."""
        async with ActionClient(actions=[self.action], headers={"x-flightwire-runtime": "1"}) as client:
            node = await client.call(self.action)
            tree = list(node.props["initial"])
            states = [text_of(tree)]
            async for edits in read_streamable_value(node.props["edits"]):
                for edit in edits:
                    tree = apply(tree, edit[1], edit)
                states.append(text_of(tree))
            return states


def apply(node: Any, path: Any, edit: Any) -> Any:
    if not path:
        kind, _, *rest = edit
        return (
            rest[0]
            if kind == 0
            else node + rest[0]
            if kind == 1
            else [*node[: rest[0]], *rest[2:], *node[rest[0] + rest[1] :]]
        )
    step, *others = path
    if isinstance(node, list):
        return [*node[:step], apply(node[step], others, edit), *node[step + 1 :]]
    return Element(node.type, {**node.props, step: apply(node.props.get(step), others, edit)}, node.key)


def text_of(node: Any) -> str:
    if isinstance(node, list):
        return "".join(map(text_of, node))
    if isinstance(node, Element):
        inner = text_of(node.props.get("children"))
        return inner if not isinstance(node.type, str) else f"<{node.type}>{inner}"
    return "" if node is None else str(node)


@ui_tool
async def weather(city: str) -> AsyncIterator[Node]:
    """Show the weather."""
    yield html.i("loading ", city)
    yield html.b("sunny in ", city)


@ui_tool
def plain(city: str) -> Node:
    """Show a city."""
    return html.u(city)


async def test_text_is_shown_as_it_comes() -> None:
    show = Show(["Hel", "lo"], initial="…")
    assert await show.states() == ["…", "Hel", "Hello"]
    assert show.ends[0].finish_reason == "stop"
    assert show.ends[0].error is None


async def test_a_renderer_makes_nodes_of_the_text() -> None:
    calls = []

    def render(content: str, *, done: bool, delta: str) -> Node:
        calls.append((content, done, delta))
        return html.p(content, "!" if done else "")

    assert await Show(["a", "b"], text=render).states() == ["", "<p>a", "<p>ab", "<p>ab!"]
    assert calls == [("a", False, "a"), ("ab", False, "b"), ("ab", True, "")]


@pytest.mark.parametrize("kind", ["async", "generator", "async generator", "positional", "kwargs"])
async def test_renderers_come_in_every_form(kind: str) -> None:
    async def slow(content: str, *, done: bool) -> Node:
        await asyncio.sleep(0)
        return content.upper()

    def steps(content: str) -> Iterator[Node]:
        yield "…"
        yield content.upper()

    async def async_steps(content: str) -> AsyncIterator[Node]:
        yield "…"
        yield content.upper()

    forms: dict[str, Any] = {
        "async": slow,
        "generator": steps,
        "async generator": async_steps,
        "positional": str.upper,
        "kwargs": lambda content, **_: content.upper(),
    }
    assert (await Show(["a", "b"], text=forms[kind]).states())[-1] == "AB"


async def test_slow_renderers_run_one_after_the_other() -> None:
    running, most = 0, 0

    async def render(content: str, *, done: bool) -> Node:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01 if len(content) == 1 else 0)
        running -= 1
        return content

    assert await Show(["a", "b", "c"], text=render).states() == ["", "a", "ab", "abc"]
    assert most == 1


async def test_an_empty_answer_is_rendered_once_and_ends() -> None:
    show = Show([], text=lambda content, done: html.p(f"{content!r} {done}"))
    assert await show.states() == ["", "<p>'' True"]


async def test_a_tool_shows_what_it_yields() -> None:
    show = Show([tool_call("weather", {"city": "Rome"})], tools=[weather])
    assert await show.states() == ["", "<i>loading Rome", "<b>sunny in Rome"]
    assert len(show.model.calls) == 1
    assert show.ends[0].finish_reason == "tool-calls"


async def test_text_and_tools_stand_in_their_order() -> None:
    show = Show(["Look: ", tool_call("plain", {"city": "Rome"})], tools=[plain])
    assert (await show.states())[-1] == "Look: <u>Rome"


async def test_parallel_tools_each_have_a_place_in_the_order_of_their_calls() -> None:
    rome_is_done = asyncio.Event()

    @ui_tool
    async def city(name: str) -> Node:
        """Show a city."""
        if name == "Rome":
            await rome_is_done.wait()
        else:
            rome_is_done.set()
        return html.b(name)

    show = Show([tool_call("city", {"name": "Rome"}), tool_call("city", {"name": "Oslo"})], tools=[city])
    assert await show.states() == ["", "<b>Oslo", "<b>Rome<b>Oslo"]
    assert len(show.ends) == 1


async def test_a_tool_with_a_result_lets_the_model_go_on() -> None:
    async def run(city: str) -> dict[str, Any]:
        return {"sun": True, "city": city}

    def render(given: dict[str, Any], result: dict[str, Any]) -> Node:
        return html.b(given["city"], ": ", result["sun"])

    forecast = ui_tool(render=render, execute=run, name="forecast", description="The forecast.")
    script = [[tool_call("forecast", {"city": "Rome"})], ["Nice."]]
    show = Show(script, tools=[forecast], stop_when=is_step_count(3))
    assert (await show.states())[-1] == "<b>Rome: TrueNice."
    assert len(show.model.calls) == 2
    assert show.ends[0].usage.output_tokens is not None
    assert len(show.ends[0].steps) == 2


async def test_plain_tools_show_nothing_and_give_results() -> None:
    @tool
    async def lookup(city: str) -> str:
        """Look up a city."""
        return "sunny"

    script = [[tool_call("lookup", {"city": "Rome"})], ["It is sunny."]]
    assert (await Show(script, tools=[lookup], stop_when=is_step_count(2)).states())[-1] == "It is sunny."


async def test_a_ui_tool_ends_the_answer_with_its_step() -> None:
    script = [[tool_call("plain", {"city": "Rome"})], ["never asked for"]]
    show = Show(script, tools=[plain], stop_when=is_step_count(5))
    assert (await show.states())[-1] == "<u>Rome"
    assert len(show.model.calls) == 1


async def test_a_tool_is_told_about_its_call() -> None:
    seen = []

    @ui_tool
    async def ask(question: str, ctx: ToolContext[Any]) -> Node:
        """Ask."""
        seen.append((ctx.tool_name, ctx.messages[0].role))
        return question

    await Show([tool_call("ask", {"question": "?"})], tools=[ask]).states()
    assert seen == [("ask", "user")]


async def test_tools_may_have_other_names() -> None:
    show = Show([tool_call("other", {"city": "Rome"})], tools={"other": plain})
    assert (await show.states())[-1] == "<u>Rome"


# --- endings -----------------------------------------------------------------------------------------------------


async def failing(show: Show, match: str) -> None:
    with pytest.raises(RemoteError, match=match):
        await asyncio.wait_for(show.states(), 10)
    assert len(show.ends) == 1
    assert match in str(show.ends[0].error)


async def test_a_model_that_fails_ends_it_with_its_error() -> None:
    await failing(Show(["a", RuntimeError("model broke")]), "model broke")


async def test_a_text_renderer_that_fails_ends_it_with_its_error() -> None:
    def render(content: str) -> Node:
        raise RuntimeError("renderer broke")

    await failing(Show(["a", "b"], text=render), "renderer broke")


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_tool_renderer_that_fails_ends_it_with_its_error(when: str) -> None:
    @ui_tool
    async def broken(city: str) -> AsyncIterator[Node]:
        """Break."""
        if when == "later":
            yield "so far"
        raise RuntimeError("tool broke")

    never = asyncio.Event()

    @ui_tool
    async def waiting(city: str) -> Node:
        """Wait."""
        await never.wait()
        return "never"

    calls = [tool_call("waiting", {"city": "a"}), tool_call("broken", {"city": "b"})]
    await failing(Show(calls, tools=[broken, waiting]), "tool broke")


@pytest.mark.parametrize("when", ["at once", "later"])
async def test_a_tool_renderer_that_fails_when_nothing_else_is_shown_ends_it_with_its_error(
    when: str,
) -> None:
    @ui_tool
    async def broken(city: str) -> AsyncIterator[Node]:
        """Break."""
        if when == "later":
            yield "so far"
            await asyncio.sleep(0.01)
        raise RuntimeError("tool broke")

    await failing(Show([tool_call("broken", {"city": "b"})], tools=[broken]), "tool broke")


async def test_a_call_of_a_tool_that_is_not_there_is_an_error() -> None:
    await failing(Show([tool_call("nowhere", {})], tools=[plain]), "nowhere")


async def test_a_call_with_an_input_that_does_not_fit_is_an_error() -> None:
    await failing(Show([tool_call("plain", {"town": "Rome"})], tools=[plain]), "city")


async def test_a_model_may_mend_an_invalid_call() -> None:
    async def run(city: str) -> str:
        return city

    show_city = ui_tool(
        render=lambda given, result: html.u(result), execute=run, name="city", description="A city."
    )
    script = [[tool_call("city", {"town": 1})], [tool_call("city", {"city": "Rome"})], ["done"]]
    show = Show(script, tools=[show_city], stop_when=is_step_count(3))
    assert (await show.states())[-1] == "<u>Romedone"
    assert show.ends[0].error is None


async def test_a_reader_that_goes_away_stops_the_model_and_calls_on_end() -> None:
    show = Show(ScriptedModel(["a", "b", "c"], gated=True))
    async with ActionClient(actions=[show.action], headers={"x-flightwire-runtime": "1"}) as client:
        node = await client.call(show.action)
        show.model.release()
        async for _ in read_streamable_value(node.props["edits"]):
            break
    assert show.model.left_early == 1
    assert [end.is_aborted for end in show.ends] == [True]


async def test_stopping_keeps_what_is_shown() -> None:
    results = []
    ends: list[Any] = []
    model = ScriptedModel(["a", "b"], gated=True)

    @action(name="show")
    async def show() -> Node:
        results.append(await stream_ui(model=model, prompt="Hi", on_end=ends.append))
        return results[0].value

    async with ActionClient(actions=[show], headers={"x-flightwire-runtime": "1"}) as client:
        node = await client.call(show)
        model.release()
        seen = []
        async for edits in read_streamable_value(node.props["edits"]):
            seen.append(edits)
            results[0].abort("enough")
    assert len(seen) == 1
    assert ends[0].is_aborted


async def test_on_end_may_be_async_and_has_an_older_name() -> None:
    ended = asyncio.Event()

    async def on_finish(end: Any) -> None:
        await asyncio.sleep(0)
        assert end.usage.total_tokens > 0
        ended.set()

    @action(name="show")
    async def show() -> Node:
        return stream_ui(model=ScriptedModel(["a"]), prompt="Hi", on_finish=on_finish).value

    async with ActionClient(actions=[show]) as client:
        await client.call(show)
        await client.settle()
    assert ended.is_set()


async def test_a_client_without_our_runtime_gets_it_too() -> None:
    @action(name="show")
    async def show() -> Node:
        return stream_ui(model=ScriptedModel(["a", "b"]), prompt="Hi").value

    async with ActionClient(actions=[show]) as client:
        node: Any = await client.call(show)
        while isinstance(node, Element) and getattr(node.type, "name", "") == "react.suspense":
            node = await node.props["children"]
    assert text_of(node) == "ab"


# --- mistakes ----------------------------------------------------------------------------------------------------


async def test_mistakes_are_said_at_the_call() -> None:
    with pytest.raises(InvalidArgumentError, match="Write @ui_tool above its `def`"):
        stream_ui(model=ScriptedModel(), prompt="Hi", tools=[lambda: None])  # type: ignore[list-item] # the mistake
    with pytest.raises(InvalidArgumentError, match="two tools are named 'plain'"):
        stream_ui(model=ScriptedModel(), prompt="Hi", tools=[plain, plain])
    with pytest.raises(InvalidArgumentError, match="takes both"):
        ui_tool(render=lambda given, result: None)  # type: ignore[call-overload] # the mistake
    with pytest.raises(InvalidArgumentError, match="a tool already"):
        ui_tool(plain)  # type: ignore[arg-type] # the mistake


def test_a_ui_tool_is_still_a_function() -> None:
    assert plain("Rome").type == "u"
    assert repr(plain) == "<ui tool plain>"


async def test_the_answer_is_there_too() -> None:
    shown = stream_ui(model=ScriptedModel(["a", "b"]), prompt="Hi")
    assert await shown.result.text == "ab"
