"""An app inside somebody else's: FastAPI and Starlette, any prefix, no lifespan of ours."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

import flightwire
from flightwire import action, create_streamable_value, start_soon, stream_text
from flightwire.server.responses import located, words_below_root
from flightwire.testing.models import ScriptedModel

from .asgi import Exchange, call

pytestmark = pytest.mark.anyio


@action
async def ping(name: str = "nobody") -> str:
    return f"Hello, {name}!"


def chat_with(model: ScriptedModel):
    @action
    async def chat() -> object:
        stream = create_streamable_value()

        async def pump() -> None:
            async with stream:
                async for text in stream_text(model=model, prompt="Hi").text_stream:
                    stream.update(text)

        start_soon(pump)
        return stream.value

    return chat


def hosts(app: flightwire.app) -> dict[str, tuple[object, str]]:
    """Host applications and the path their inner app is reached at."""
    fast = FastAPI()
    fast.mount("/ai", app)
    nested = Starlette(routes=[Mount("/x", routes=[Mount("/y", app=app)])])
    at_root = FastAPI()
    at_root.mount("", app)
    gzipped = FastAPI()
    gzipped.add_middleware(GZipMiddleware, minimum_size=1)
    gzipped.mount("/ai", app)
    return {
        "fastapi": (fast, "/ai/"),
        "starlette": (nested, "/x/y/"),
        "root": (at_root, "/"),
        "gzip": (gzipped, "/ai/"),
    }


HOSTS = ("fastapi", "starlette", "root", "gzip")


@pytest.mark.parametrize("host", HOSTS)
async def test_an_action_answers_under_a_prefix_without_lifespan(host: str) -> None:
    outer, path = hosts(flightwire.app(actions=[ping]))[host]
    done = await call(outer, ping.id, "Ada", path=path).finish()
    assert done.root == "Hello, Ada!"


@pytest.mark.parametrize("host", HOSTS)
async def test_tokens_leave_one_by_one_and_a_disconnect_reaches_the_model(host: str) -> None:
    model = ScriptedModel(["Hel", "lo"], gated=True)
    chat = chat_with(model)
    outer, path = hosts(flightwire.app(actions=[chat]))[host]
    running = call(outer, chat.id, path=path)
    model.release()
    await running.until(lambda e: b'"Hel"' in e.body)
    running.leave()
    await running.finish()
    assert (model.left_early, model.open_streams) == (1, 0)


async def test_the_hosts_own_routes_stay_its_own() -> None:
    outer = FastAPI()

    @outer.get("/health")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    outer.mount("/", flightwire.app(actions=[ping]))
    done = await Exchange(outer, method="GET", path="/health").finish()
    assert done.text == '{"ok":true}'


async def test_two_apps_side_by_side_know_only_their_own_actions() -> None:
    @action
    async def pong() -> str:
        return "pong"

    outer = FastAPI()
    outer.mount("/a", flightwire.app(actions=[ping]))
    outer.mount("/b", flightwire.app(actions=[pong]))
    assert (await call(outer, pong.id, path="/b/").finish()).root == "pong"
    assert (await call(outer, pong.id, path="/a/").finish()).status == 404


def test_a_server_without_asyncio_is_told_what_is_needed(tmp_path: Path) -> None:
    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    @action
    async def ask() -> None: ...

    with pytest.raises(StopIteration):
        flightwire.app(actions=[ask])({"type": "lifespan"}, receive, send).send(None)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "needs an asyncio event loop" in sent[0]["message"]


async def test_the_lifespan_starts_and_stops_what_the_app_needs() -> None:
    app = flightwire.app(actions=[ping])
    incoming: asyncio.Queue[dict] = asyncio.Queue()
    sent: list[str] = []

    async def send(message: dict) -> None:
        sent.append(message["type"])

    running = asyncio.ensure_future(app({"type": "lifespan"}, incoming.get, send))
    await incoming.put({"type": "lifespan.startup"})
    await incoming.put({"type": "lifespan.shutdown"})
    await running
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_an_app_works_on_a_second_event_loop() -> None:
    app = flightwire.app(actions=[ping])

    async def once() -> str:
        return (await call(app, ping.id).finish()).root

    assert await once() == "Hello, nobody!"
    assert await asyncio.to_thread(lambda: asyncio.run(once())) == "Hello, nobody!"


async def test_a_compressor_of_the_host_holds_no_row_back() -> None:
    model = ScriptedModel(["Hel", "lo"], gated=True)
    chat = chat_with(model)
    outer, path = hosts(flightwire.app(actions=[chat]))["gzip"]
    running = call(outer, chat.id, path=path, headers={"accept-encoding": "gzip"})
    model.release()
    await running.until(lambda e: b'"Hel"' in e.body)
    assert running.headers["content-encoding"] == "identity"
    running.leave()
    await running.finish()


async def test_an_app_of_actions_alone_starts_no_node_in_development(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_vite(*_: object) -> None:
        raise AssertionError("Node was asked for")

    monkeypatch.setattr("flightwire.server.app._find_vite", find_vite)
    (tmp_path / "actions.py").write_text("")
    app = flightwire.app(tmp_path, mode="development")
    async with app.lifespan():
        done = await Exchange(app, method="GET", headers={"host": "localhost"}).finish()
    assert done.status == 404
    assert "This app has no page yet" in done.text


async def test_a_host_hands_its_lifespan_over() -> None:
    app = flightwire.app(actions=[ping])
    async with FastAPI(lifespan=app.lifespan).router.lifespan_context(FastAPI()):
        assert (await call(app, ping.id).finish()).root == "Hello, nobody!"


@pytest.mark.parametrize(
    ("path", "raw", "root", "expected"),
    [
        ("/", b"/ai", "", ("/ai", "/ai")),
        ("/x/y z/", b"/ai/x/y%20z", "", ("/ai/x/y z", "/ai")),
        ("/x/", b"/api/ai/x?q=1", "/api", ("/api/ai/x", "/api/ai")),
        ("/ai/x", b"/ai/x", "/ai", ("/ai/x", "/ai")),
        ("/x", b"/ai/x", "/ai", ("/x", "/ai")),
        ("/x", None, "/ai", ("/x", "/ai")),
        ("/other", b"/ai/x", "", ("/other", "")),
        ("/a%2f", b"/a%252f", "", ("/a%2f", "")),
    ],
)
def test_the_prefix_is_what_a_router_cut_off(
    path: str, raw: bytes | None, root: str, expected: tuple[str, str]
) -> None:
    scope = located({"path": path, "raw_path": raw, "root_path": root})
    assert (scope["path"], scope["root_path"]) == expected


@pytest.mark.parametrize(
    ("path", "raw", "root", "expected"),
    [
        ("/chat/a/b/c", b"/chat/a%2Fb/c", "", ["chat", "a/b", "c"]),
        ("/ai/v1/chat/a/b", b"/ai/v1/chat/a%2fb?q=%2F", "/ai/v1", ["chat", "a/b"]),
        ("/a/b/x/y", b"/a%2Fb/x%2Fy", "/a/b", ["x/y"]),
        ("/docs/a//b/", b"/docs/a%2F/b/", "", ["docs", "a/", "b"]),
        ("/x/\u65e5/caf\xe9", b"/x/%E6%97%A5/caf%C3%A9", "/x", ["\u65e5", "caf\xe9"]),
        ("/x/%2F", b"/x/%252F", "", ["x", "%2F"]),
        ("/x/a/b", b"/other", "", ["x", "a", "b"]),
        ("/x/a/b", None, "/x", ["a", "b"]),
        ("//a//", b"//a//", "", ["a"]),
        ("/ai", b"/ai", "/ai", []),
        ("/", b"/", "", []),
    ],
)
def test_a_slash_that_was_encoded_parts_nothing(
    path: str, raw: bytes | None, root: str, expected: list[str]
) -> None:
    assert words_below_root({"path": path, "raw_path": raw, "root_path": root}) == expected
