"""`redirect` and `not_found`: what crosses the wire, what still runs, and which addresses are refused."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import flightwire
from flightwire import NotFound, Redirect, action, after, not_found, redirect, start_soon
from flightwire.errors import InvalidArgumentError
from flightwire.testing import ActionClient

from .asgi import call

pytestmark = pytest.mark.anyio

done: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    done.clear()


def look_up(id: str) -> str:
    if id == "missing":
        not_found()
    if id == "moved":
        redirect("/items/new?from=old#top")
    return id


@action
async def show(id: str) -> str:
    after(done.append, "after")

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("worked")

    start_soon(work)
    return look_up(id)


@action
def show_plainly(id: str) -> str:
    return look_up(id)


@action
async def show_in_a_group(id: str) -> None:
    async def look() -> None:
        look_up(id)

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        group.create_task(asyncio.sleep(60))


@action
async def leave() -> None:
    redirect("https://example.com/login", external=True)


ACTIONS = [show, show_plainly, show_in_a_group, leave]


@pytest.fixture(params=["development", "production"])
def app(request: pytest.FixtureRequest) -> Any:
    return flightwire.app(actions=ACTIONS, mode=request.param)


@pytest.mark.parametrize("name", ["show", "showPlainly", "showInAGroup"])
@pytest.mark.parametrize(
    ("id", "status", "digest"),
    [("moved", 303, "redirect:/items/new?from=old#top"), ("missing", 404, "not-found")],
)
async def test_a_digest_says_where_to(app: Any, name: str, id: str, status: int, digest: str) -> None:
    answered = await call(app, f"test_navigation#{name}", id).finish()
    assert (answered.status, answered.root["digest"]) == (status, digest)
    assert answered.headers["content-type"] == "text/x-component"
    assert "location" not in answered.headers  # fetch would follow it


async def test_queued_work_and_after_still_run(app: Any) -> None:
    await call(app, "test_navigation#show", "moved").finish()
    assert sorted(done) == ["after", "worked"]


async def test_it_is_no_failure_in_the_log(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await call(app, "test_navigation#show", "moved").finish()
    await call(app, "test_navigation#show", "missing").finish()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "redirect to /items/new" in caplog.text


async def test_callers_from_python_get_it_as_its_class(app: Any) -> None:
    async with ActionClient(app) as client:
        with pytest.raises(Redirect) as moved:
            await client.call(show, "moved")
        assert moved.value.location == "/items/new?from=old#top"
        with pytest.raises(NotFound):
            await client.call(show, "missing")
        with pytest.raises(Redirect) as left:
            await client.call(leave)
        assert left.value.location == "https://example.com/login"
        assert await client.call(show, "x") == "x"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "x",
        "./x",
        "../x",
        "?q=1",
        "#top",
        "//evil.example",
        "//evil.example/x",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        " /x",
        "/x y",
        "/x\r\nset-cookie: a=1",
        "/\x00",
        "/\x85",
        "/\u2028",
        "/\ud800",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "https://example.com",
        "http:/evil.example",
        "https:evil.example",
        "mailto:a@b",
        "/" + "x" * 9000,
        None,
        5,
        b"/x",
    ],
)
def test_what_is_no_path_of_the_app_is_refused(location: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="redirect"):
        redirect(location)


@pytest.mark.parametrize(
    "location",
    [
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://x/1",
        "file:///etc/passwd",
        "ftp://x/y",
        "//example.com",
        "/x",
        "https:example.com",
        "https:///x",
        "https://",
        "https://user:pw@example.com",
        "https://exa mple.com",
        "https://example.com\\@evil.example",
        "https://[::1",
        "",
        None,
    ],
)
def test_what_is_no_address_of_a_site_is_refused(location: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="redirect"):
        redirect(location, external=True)


@pytest.mark.parametrize("location", ["/", "/x", "/x/../y", "/ü/☃?q=%20&r=a:b@c//d#e", "/x:y", "/a//b"])
def test_paths_of_the_app(location: str) -> None:
    with pytest.raises(Redirect) as caught:
        redirect(location)
    assert caught.value.digest == f"redirect:{location}"


@pytest.mark.parametrize(
    "location", ["https://example.com", "http://localhost:3000/x?y#z", "HTTPS://example.com/ü"]
)
def test_addresses_of_other_sites(location: str) -> None:
    with pytest.raises(Redirect):
        redirect(location, external=True)
