"""Streamable UI for a client without our runtime: what React itself makes of it is what it makes of the original's rows."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.asgi import call
from tests.wire.flight.react import NEWEST, VERSIONS, React

import flightwire
from flightwire import UNDEFINED, Element, Node, action, create_streamable_ui, html, start_soon
from flightwire.elements import ClientReference
from flightwire.rsc.streamable_ui import StreamableUI
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder

pytestmark = [pytest.mark.anyio, pytest.mark.node]

ROOT = Path(__file__).parents[2]
VECTORS = {
    case["name"]: b64decode(case["rows_base64"])
    for case in json.loads((ROOT / "spec" / "flight" / "server_rows.json").read_text())["cases"]
}
INFO = ClientReference("./client.js", "ClientInfo", ())
Write = Callable[[StreamableUI], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=VERSIONS)
def react(request: pytest.FixtureRequest) -> Iterator[React]:
    folder = ensure_npm_folder(ROOT / "tests" / "react") / str(request.param)
    react = React(find_or_install_node(), folder, "production")
    yield react
    react.close()


async def rows(write: Write, initial: Any) -> bytes:
    @action(name="show")
    async def show() -> Node:
        ui = create_streamable_ui(initial)
        start_soon(write, ui)
        return ui.value

    app = flightwire.app(actions=[show], mode="production")
    exchange = await call(app, str(show.id)).finish()
    assert exchange.status == 200, exchange.text
    return exchange.body


async def test_updates_are_those_of_the_original(react: React) -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update(Element(INFO, {"children": html.p("I am a paragraph")}))
        last = Element(INFO, {"children": html.button("I am a button")})
        ui.update(last).done(last)

    assert react.decode(await rows(write, UNDEFINED)) == react.decode(VECTORS["streamable_ui"])


async def test_appends_are_those_of_the_original(react: React) -> None:
    async def write(ui: StreamableUI) -> None:
        ui.append(" world").append("!").done()

    assert react.decode(await rows(write, "hello")) == react.decode(VECTORS["streamable_ui_append"])


async def test_an_error_is_where_the_next_part_would_be(react: React) -> None:
    async def write(ui: StreamableUI) -> None:
        ui.update("a").error(RuntimeError("secret"))

    body = await rows(write, "hello")
    assert b"secret" not in body
    assert '"a"' in json.dumps(react.decode(body))


async def test_it_is_the_newest_react_that_pages_use() -> None:
    tools = json.loads((ROOT / "web" / "toolchain" / "package.json").read_text())
    assert tools["dependencies"]["react"] == NEWEST
