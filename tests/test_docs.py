"""The Python of our pages runs: blocks that begin with a file's name become that file, all others are executed."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import flightwire
from flightwire import read_streamable_value
from flightwire.messages import UserMessage
from flightwire.providers import registry
from flightwire.providers.base import ModelCall
from flightwire.testing import ActionClient, ScriptedModel, ScriptedUpstream, tool_call

from .test_client import serving

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/]+\.py)\n")
ADDRESS = "http://localhost:3000"


def blocks_of(page: str) -> list[str]:
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the page shows."""
    for block in blocks_of("testing.md"):
        if found := FILE.match(block):
            file = tmp_path / found[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def address(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The page's app on a real server, with a model that follows a script."""
    monkeypatch.setitem(registry._factories, "scripted", lambda _: ScriptedModel())
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "scripted/any")
    async with serving(flightwire.app(folder / "app")) as url:
        yield url


async def test_examples_of_calls_run(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    examples = [block for block in blocks_of("testing.md") if not FILE.match(block)]
    for block in examples:
        code = compile(block.replace(ADDRESS, address), "testing.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, names)
        if inspect.isawaitable(running):
            await running
    assert len(examples) == 3
    assert "Hello, world!\n3\n" in capsys.readouterr().out


INPUTS: dict[str, Any] = {
    "get_weather": {"city": "Berlin"},
    "search": {"query": "dragons"},
    "crawl": {"url": "example.com"},
    "deploy": {"repository": "flightwire"},
    "lookup": {"key": "a"},
    "confirm": {"question": "Really?"},
    "pay": {"amount": 500},
}


def call_every_tool(call: ModelCall) -> list[Any]:
    """What a model does that calls every tool it is given, and then answers."""
    if call.tools and isinstance(call.messages[-1], UserMessage):
        return [tool_call(tool.name, INPUTS[tool.name]) for tool in call.tools]
    return ["It ", "is sunny."]


async def test_examples_of_tools_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(registry._factories, "scripted", lambda _: ScriptedModel(call_every_tool))
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "scripted/any")
    names: dict[str, Any] = {}
    shown = []
    for block in blocks_of("tools.md"):
        running = eval(compile(block, "tools.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(running):
            await running
        shown.append(capsys.readouterr().out)
    assert shown == [
        "It is sunny.\n[('get_weather', {'city': 'Berlin'})]\n",
        "['dragons 0', 'dragons 1', 'dragons 2']\nIt is sunny.",
        "ann read example.com (call call-1, after 1 messages)\n",
        "Cloning flightwire … (working)\nflightwire is deployed. (working)\nflightwire is deployed. \n",
        "['lookup', 'confirm'] 1\n",
        "",
        "['user', 'assistant', 'tool', 'assistant']\n",
        "2\n",
        "{'type': 'text', 'value': 'paid 500'}\n",
        "get_weather True\n0 tool-calls\n1 stop\n7\n",
        "It is sunny.\nthe user has left\n()\n",
        "It is sunny.\n",
    ]


def test_examples_of_tests_run(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "19 passed" in done.stdout


async def test_the_provider_of_the_docs_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = blocks_of("add-a-provider.md")
    (file,) = [block for block in blocks if FILE.match(block)]
    (tmp_path / "acme.py").write_text(file, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    for block in blocks:
        if block is not file:
            exec(compile(block, "add-a-provider.md", "exec"), {})
    with ScriptedUpstream() as upstream:
        monkeypatch.setenv("ACME_BASE_URL", upstream.base_url)
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "cache": {"hits": 4}}
        chunks = [
            {"choices": [{"delta": {"content": "Hi"}}]},
            {"choices": [{"delta": {}, "finish_reason": "done"}], "usage": usage},
        ]
        upstream.events(*chunks, "[DONE]")
        history = [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "oh"}],
            },
            {"role": "user", "content": [{"type": "image", "image": "https://x.test/a.png"}]},
        ]
        result = flightwire.stream_text(
            model="acme/some-model",
            messages=history,
            max_output_tokens=5,
            provider_options={"acme": {"house_style": "grand"}},
        )
        assert await result.text == "Hi"
        assert await result.finish_reason == "stop"
        assert (await result.usage).cache_read_tokens == 4
        body = upstream.requests[0].json
    assert (body["max_new_tokens"], body["house_style"]) == (5, "grand")
    messages: Any = body["messages"]
    assert messages[1]["thoughts"] == "hm"
    assert messages[2]["content"][0]["image_url"] == {"url": "https://x.test/a.png"}


def test_the_models_of_the_docs_are_made() -> None:
    for block in blocks_of("models.md"):
        exec(compile(block, "models.md", "exec"), {"stream_text": flightwire.stream_text})


def _some(schema: Any) -> Any:
    """A value that fits a schema."""
    if "enum" in schema:
        return schema["enum"][-1]
    if schema["type"] == "object":
        return {name: _some(each) for name, each in schema["properties"].items()}
    if schema["type"] == "array":
        return [_some(schema["items"])] * 2
    return {"string": "Ann", "number": 5.0}[schema["type"]]


def _fitting(call: Any) -> list[str]:
    """What a model answers that keeps to the schema; prose when it is told to."""
    schema = call.response_format.schema
    text = "Hello, world! " if schema is None or "prose" in str(call.messages) else json.dumps(_some(schema))
    return [text[at : at + 5] for at in range(0, len(text), 5)]


@pytest.fixture
def fitting_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no model is named, one that keeps to the schema answers."""
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    registry.register_provider("fitting", lambda _: ScriptedModel(_fitting))
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "fitting/any")


async def run_blocks(page: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"docs.{page}"}
    for block in blocks_of(page):
        if not FILE.match(block):
            running = eval(
                compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True), names
            )
            if inspect.isawaitable(running):
                await running
    return names


async def test_the_objects_of_the_docs_are_made(
    fitting_model: None, capsys: pytest.CaptureFixture[str]
) -> None:
    names = await run_blocks("objects.md")
    assert [each.name for each in names["notifications"].notifications] == ["Ann", "Ann"]
    said = capsys.readouterr().out
    assert "Ann\nAnn 5.0\nAnn 5.0\nHello, world!" in said
    assert "This is no JSON" in said


async def test_the_pages_of_the_docs_get_objects(fitting_model: None, tmp_path: Path) -> None:
    (file,) = [block for block in blocks_of("objects.md") if FILE.match(block)]
    (tmp_path / "actions.py").write_text(file, encoding="utf-8")
    ann = {"name": "Ann", "message": "Ann"}
    async with ActionClient(tmp_path) as client:
        partials = [value async for value in read_streamable_value(await client.call("generate", "exams"))]
        assert (partials[0], partials[-1]) == ({}, {"notifications": [ann, ann]})
        each = [value async for value in read_streamable_value(await client.call("generate_each", "exams"))]
        assert each == [ann, ann]


async def test_the_middleware_of_the_docs_stands_where_it_says(
    fitting_model: None, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_blocks("middleware.md")
    said = capsys.readouterr().out
    assert said.startswith("hello, world! \nnobody/knows-this did not answer: there is no provider 'nobody'")


async def test_the_guide_to_actions_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for block in blocks_of("actions.md"):
        if found := FILE.match(block):
            file = tmp_path / found[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    await run_blocks("actions.md")
    assert capsys.readouterr().out.splitlines() == [
        "nobody",
        "/cart",
        "['tea', 'tea']",
        "['tea']",
        "['tea', 'tea', 'tea']",
        "['TEA', 'TEA']",
        "5 stars, 1 photos",
        "Please write about the tea.",
    ]


async def test_the_recipes_of_those_who_come_from_nextjs_answer(tmp_path: Path) -> None:
    for block in blocks_of("from-nextjs.md"):
        found = FILE.match(block)
        assert found, block
        file = tmp_path / found[1]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block, encoding="utf-8")
    folder = tmp_path / "app"
    async with ActionClient(folder, model=ScriptedModel(["Hel", "lo"])) as client:
        output = (await client.call("stream/actions#generate", "Hi"))["output"]
        assert [each async for each in read_streamable_value(output)] == ["", "Hel", "lo"]
    async with ActionClient(
        folder, model=ScriptedModel([json.dumps({"name": "Ann", "minutesAgo": 5})])
    ) as client:
        found_one = await client.call("object/actions#getNotification", "exams")
        assert found_one == {"name": "Ann", "minutesAgo": 5}
    (folder / "open").mkdir()
    (folder / "open" / "actions.py").write_text(OPEN)
    script = [[tool_call("show_flight_status", {"flight_number": "BA42"})], ["On ", "time."]]
    headers = {"x-flightwire-runtime": "1"}
    async with ActionClient(folder, model=ScriptedModel(script), headers=headers) as client:
        provider = await client.call("open/actions#openPage")
        ask = provider.props["wrappedActions"]["continueConversation"]
        message = (await client.call(ask, [], "BA42?"))[1]
        ((edit,),) = [each async for each in read_streamable_value(message["display"].props["edits"])]
        assert (await edit[2][0].props["children"]).props["children"] == ["BA42", " is on time"]
        delta, message = await client.call(ask, [], "Thanks")
        assert await delta == {"_t": "a", "0": [{"role": "assistant", "content": "On time."}]}


OPEN = """
from flightwire import action
from ..ui.actions import AI

@action
async def open_page() -> object:
    return await AI("children")
"""


async def test_the_files_of_those_who_come_from_nextjs_are_what_they_say() -> None:
    page = (DOCS / "from-nextjs.md").read_text(encoding="utf-8")
    assert all(
        hasattr(flightwire, name) for name in re.findall(r"`(create_\w+|stream_\w+|get_\w+_state)`", page)
    )


async def test_every_test_that_the_security_page_names_is_there() -> None:
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", page)
    assert len(named) > 20
    for file, test in named:
        source = DOCS.parent / file
        assert source.is_file(), file
        assert not test or f"def {test}(" in source.read_text(encoding="utf-8"), f"{file}::{test}"
