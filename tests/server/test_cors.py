"""Pages of other origins: what their browsers ask first, and what the answers say to them."""

from __future__ import annotations

import pytest

import flightwire
from flightwire import action

from .asgi import Exchange, call

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example.com"


@action
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@pytest.fixture
def app() -> object:
    return flightwire.app(actions=[greet], allowed_origins=[SHOP, "http://localhost:5173"])


async def preflight(app: object, origin: str = SHOP, **headers: str) -> Exchange:
    sent = {
        "host": "api.example.com",
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,rsc-action-id,flightwire-page,x-tenant",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return await Exchange(app, method="OPTIONS", headers=sent).finish()


async def test_an_allowed_origin_may_send_what_it_asks_for(app: object) -> None:
    answer = await preflight(app)
    assert answer.status == 204
    assert answer.headers == {
        "access-control-allow-origin": SHOP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers": "content-type,rsc-action-id,flightwire-page,x-tenant",
        "access-control-max-age": "7200",
        "vary": "origin, access-control-request-method, access-control-request-headers",
    }


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example.com",
        "https://shop.example.com:8443",
        "https://shop.example.com.evil.example",
        "https://evil.shop.example.com",
        "https://shop.example.com/",
        "null",
        "",
        "*",
        "https://shop.example.com, https://evil.example",
        "https://shop.example.com\x00",
    ],
)
async def test_any_other_origin_is_refused_and_learns_nothing(app: object, origin: str) -> None:
    answer = await preflight(app, origin)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "origin" in answer.headers["vary"]


async def test_an_origin_is_an_origin_however_it_is_written(app: object) -> None:
    assert (await preflight(app, "HTTPS://Shop.Example.com:443")).status == 204


async def test_without_allowed_origins_nobody_is_answered() -> None:
    answer = await preflight(flightwire.app(actions=[greet]))
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["DELETE", "PUT", "post", "*"])
async def test_other_methods_are_refused(app: object, method: str) -> None:
    assert (await preflight(app, access_control_request_method=method)).status == 403


@pytest.mark.parametrize("names", ["x y", "a,,b", "a\r\nx: y", "ü", "a" * 10 + ":"])
async def test_header_names_that_are_none_are_not_repeated(app: object, names: str) -> None:
    answer = await preflight(app, access_control_request_headers=names)
    assert answer.status == 403


async def test_a_preflight_without_header_names_is_fine(app: object) -> None:
    answer = await preflight(app, access_control_request_headers="")
    assert answer.status == 204
    assert "access-control-allow-headers" not in answer.headers


async def test_options_that_are_no_preflight_are_not_served(app: object) -> None:
    assert (await Exchange(app, method="OPTIONS", headers={"origin": SHOP}).finish()).status == 405


async def test_an_answer_can_be_read_by_who_asked(app: object) -> None:
    answer = await call(
        app, greet.id, "Ada", headers={"origin": SHOP, "sec-fetch-site": "cross-site"}
    ).finish()
    assert answer.root == "Hello, Ada!"
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "flightwire-error, retry-after"


async def test_caches_learn_that_the_origin_decides(app: object) -> None:
    for headers in ({"origin": SHOP, "sec-fetch-site": "cross-site"}, {}):
        answer = await call(app, greet.id, "Ada", headers=headers).finish()
        assert [value for key, value in answer.messages[0]["headers"] if key == b"vary"][-1] == b"origin"


async def test_refusals_can_be_read_too(app: object) -> None:
    headers = {"origin": SHOP, "sec-fetch-site": "cross-site"}
    for done in (call(app, "no#such", headers=headers), call(app, greet.id, 1, headers=headers)):
        answer = await done.finish()
        assert answer.status in (400, 404)
        assert answer.headers["access-control-allow-origin"] == SHOP


async def test_who_may_not_call_cannot_read_the_refusal(app: object) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = await call(app, greet.id, "Ada", headers=headers).finish()
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_two_origins_at_once_are_none(app: object) -> None:
    scope_headers = [(b"origin", SHOP.encode()), (b"origin", b"https://evil.example")]

    async def twice(scope: dict, receive: object, send: object) -> None:
        await app({**scope, "headers": [*scope["headers"], *scope_headers]}, receive, send)  # type: ignore[operator]

    answer = await call(twice, greet.id, "Ada", headers={"sec-fetch-site": "cross-site"}).finish()
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_the_connection_can_be_tried_from_there(app: object) -> None:
    answer = await Exchange(app, method="HEAD", headers={"origin": SHOP}).finish()
    assert answer.headers["access-control-allow-origin"] == SHOP
