"""Headers, cookies and the status that an action sets: `request.response`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.datastructures import MutableHeaders

import flightwire
from flightwire import Request, UserError, action, after, not_found, redirect, start_soon
from flightwire.errors import InvalidArgumentError
from flightwire.server.request import RESERVED_HEADERS, ResponseHead
from flightwire.server.responses import merged
from flightwire.testing import ActionClient

from .asgi import Exchange, call

pytestmark = pytest.mark.anyio


@action
async def sign_in(request: Request, ending: str = "done") -> str:
    response = request.response
    response.set_cookie("session", "a;b", max_age=60, httponly=True, secure=True, samesite="strict")
    response.set_cookie("theme", "dark")
    response.delete_cookie("old")
    response.headers["X-Trace"] = "1"
    response.headers.append("X-More", "a")
    response.headers.append("X-More", "b")
    if ending == "fails":
        raise UserError("no")
    if ending == "redirect":
        redirect("/home")
    if ending == "missing":
        not_found()
    return "ok"


def app_of(*actions: Any) -> Any:
    return flightwire.app(actions=actions, mode="production")


def all_of(done: Exchange, name: str) -> list[str]:
    return [value.decode() for key, value in done.messages[0]["headers"] if key.decode() == name]


@pytest.mark.parametrize(
    ("ending", "status"), [("done", 200), ("fails", 500), ("redirect", 303), ("missing", 404)]
)
async def test_headers_and_cookies_are_sent_however_the_action_ends(ending: str, status: int) -> None:
    done = await call(app_of(sign_in), "test_response_head#signIn", ending).finish()
    assert done.status == status
    assert done.headers["content-type"] == "text/x-component"
    assert all_of(done, "x-trace") == ["1"]
    assert all_of(done, "x-more") == ["a", "b"]
    session, theme, old = all_of(done, "set-cookie")
    assert session == 'session="a\\073b"; HttpOnly; Max-Age=60; Path=/; SameSite=strict; Secure'
    assert theme == "theme=dark; Path=/; SameSite=lax"
    assert old.startswith('old=""; expires=')


async def test_a_client_in_python_keeps_the_cookies() -> None:
    async with ActionClient(app_of(sign_in)) as client:
        await client.call(sign_in)
        assert client.cookies["theme"] == "dark"


async def test_a_status_is_the_actions_when_all_goes_well() -> None:
    @action
    async def create(request: Request, fails: bool = False) -> str:
        request.response.status_code = 201
        if fails:
            raise ValueError
        return "made"

    assert (await call(app_of(create), "test_response_head#create").finish()).status == 201
    assert (await call(app_of(create), "test_response_head#create", True).finish()).status == 500


@pytest.mark.parametrize("status", [0, 99, 100, 101, 204, 205, 304, 600, "200", None, 1.5])
def test_a_status_without_a_body_is_refused(status: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be the status"):
        ResponseHead().status_code = status


async def test_a_plain_action_in_a_thread_sets_cookies_too() -> None:
    @action
    def plain(request: Request) -> str:
        request.response.set_cookie("a", "b")
        return "ok"

    done = await call(app_of(plain), "test_response_head#plain").finish()
    assert all_of(done, "set-cookie") == ["a=b; Path=/; SameSite=lax"]


@pytest.mark.parametrize("where", ["start_soon", "after", "awaited"])
async def test_after_the_start_nothing_can_be_set(where: str) -> None:
    problems: list[Exception] = []

    @action
    async def late(request: Request) -> object:
        def set_all() -> None:
            for attempt in (
                lambda: request.response.set_cookie("a", "b"),
                lambda: request.response.delete_cookie("a"),
                lambda: request.response.headers.update({"x": "y"}),
                lambda: request.response.headers.setdefault("x", "y"),
                lambda: request.response.headers.__delitem__("x"),
                lambda: setattr(request.response, "status_code", 201),
            ):
                try:
                    attempt()
                except InvalidArgumentError as error:
                    problems.append(error)

        async def later() -> int:
            await asyncio.sleep(0.05)
            set_all()
            return 1

        if where == "start_soon":
            start_soon(later)
        elif where == "after":
            after(set_all)
        return {"later": later() if where == "awaited" else 1}

    done = await call(app_of(late), "test_response_head#late").finish()
    assert len(problems) == 6
    assert all(
        "the response has started" in str(error) and "before it returns" in str(error) for error in problems
    )
    assert "set-cookie" not in done.headers


@pytest.mark.parametrize("name", [*sorted(RESERVED_HEADERS), "Content-Type", "TRANSFER-ENCODING"])
def test_headers_of_the_wire_are_not_the_apps(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="belongs to the wire"):
        ResponseHead().headers[name] = "x"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x", "a\r\nset-cookie: evil=1"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x", "snow ☃"),
        ("x\r\ny", "a"),
        ("", "a"),
        ("x y", "a"),
        ("x:", "a"),
        ("x", 5),
        (5, "x"),
    ],
)
def test_nobody_ends_a_header_and_begins_another(name: Any, content: Any) -> None:
    headers: MutableHeaders = ResponseHead().headers
    for attempt in (headers.__setitem__, headers.append, headers.setdefault):
        with pytest.raises(InvalidArgumentError, match="header"):
            attempt(name, content)
    with pytest.raises(InvalidArgumentError, match="header"):
        headers.update({name: content})
    assert headers.raw == []


@pytest.mark.parametrize(
    "options",
    [
        {"key": "a b"},
        {"key": ""},
        {"key": "a", "value": "x", "path": "/\r\nx-evil: 1"},
        {"key": "a", "domain": "x\nset-cookie: y=1"},
        {"key": "a", "samesite": "maybe"},
        {"key": "a\r\nb"},
        {"key": "a;b"},
        {"key": "a", "value": "☃"},
        {"key": "a", "value": "a\r\nb"},
        {"key": "a", "value": "\t"},
        {"key": "a", "value": "\0"},
    ],
)
def test_what_cannot_be_a_cookie_is_refused(options: Any) -> None:
    head = ResponseHead()
    with pytest.raises(InvalidArgumentError):
        head.set_cookie(**options)
    assert head.headers.raw == []


@pytest.mark.parametrize("value", ["a;b", 'a"b', "ü", "a=b, c\\d"])
def test_any_text_is_a_value_that_stays_in_its_cookie(value: str) -> None:
    head = ResponseHead()
    head.set_cookie("a", value)
    assert len(head.headers.raw) == 1
    assert not {b"\r", b"\n", b"\0"} & {bytes([byte]) for byte in head.headers.raw[0][1]}


def test_the_apps_headers_replace_ours_and_vary_is_joined() -> None:
    ours = [(b"vary", b"accept"), (b"x-accel-buffering", b"no"), (b"content-type", b"text/x-component")]
    added = [
        (b"vary", b"cookie"),
        (b"x-accel-buffering", b"yes"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    ]
    assert sorted(merged(ours, added)) == sorted(
        [
            (b"vary", b"accept, cookie"),
            (b"x-accel-buffering", b"yes"),
            (b"content-type", b"text/x-component"),
            (b"set-cookie", b"a"),
            (b"set-cookie", b"b"),
        ]
    )
