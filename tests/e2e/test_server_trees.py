"""What the functions of pages can do besides returning elements: know the user, set cookies, hand out actions, leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Files, Tab
from .mounting import mounted_server

APP: Files = {
    "auth.py": """\
from dataclasses import dataclass
from flightwire import Request

@dataclass
class User:
    id: str

async def current_user(request: Request) -> User | None:
    name = request.cookies.get("user")
    return User(name) if name else None
""",
    "actions.py": """\
from flightwire import action, redirect

@action(public=True)
async def add(first: int, second: int) -> int:
    return first + second

@action(public=True)
async def leave(count: int) -> None:
    redirect("/late")
""",
    "ai.py": """\
from flightwire.elements import ClientReference, Element

PROVIDER = ClientReference("@ai-sdk/rsc", "InternalAIProvider", ("@ai-sdk/rsc", "@ai-sdk/rsc"))

def provide(children: object, messages: list[str]) -> Element:
    from flightwire import UNDEFINED
    props = {"wrappedActions": {}, "wrappedSyncUIState": UNDEFINED, "initialUIState": messages, "initialAIState": [],
             "initialAIStatePatch": UNDEFINED, "children": children}
    return Element(PROVIDER, props)
""",
    "chat/layout.py": """\
from flightwire import Node
from ..ai import provide

async def layout(children: Node) -> Node:
    return provide(children, ["from the server"])
""",
    "chat/page.tsx": """\
import { useUIState } from '@ai-sdk/rsc';
export default function Chat() {
  const [messages] = useUIState();
  return <p>{messages.join()}</p>;
}
""",
    "mine/page.py": """\
from flightwire import Node, Request, client_component, html
from ..actions import add, leave
from ..auth import User

Button = client_component("components/button.tsx")

async def page(request: Request, user: User | None) -> Node:
    request.response.set_cookie("seen", "yes")
    return html.section(
        html.p(user.id if user else "nobody"),
        Button("add", run=add.bind(40)),
        Button("leave", run=leave),
    )
""",
    "members/page.py": """\
from ..auth import User

async def page(user: User):
    return f"welcome {user.id}"
""",
    "components/button.tsx": """\
'use client';
import { useState } from 'react';
export default function Button({ run, children }) {
  const [result, setResult] = useState('');
  return <button onClick={async () => setResult(await run(2))}>{children} {result}</button>;
}
""",
    "late/page.py": """\
import asyncio
from flightwire import Suspense, html, not_found, redirect

async def later(work):
    await asyncio.sleep(0.4)
    work()

async def page(search_params):
    how = search_params.get("how")
    work = not_found if how == "missing" else lambda: redirect("/chat")
    return html.div("soon ", Suspense(later(work), fallback=html.i("wait")) if how else "nothing")
""",
    "late/not-found.tsx": "export default function Missing() { return <h1>gone</h1>; }",
}


@pytest.fixture(scope="module")
def site(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[str]:
    with mounted_server(app_folder(APP), mode, "/x") as address:
        yield address


def test_the_ai_sdks_provider_stands_around_a_page(site: str, tab: Tab) -> None:
    tab.page.goto(f"{site}/chat")
    tab.page.get_by_text("from the server").wait_for()
    assert tab.errors == []


def test_a_page_knows_its_user_sets_cookies_and_hands_out_sealed_actions(site: str, tab: Tab) -> None:
    tab.page.context.add_cookies([{"name": "user", "value": "ada", "url": site}])
    tab.page.goto(f"{site}/mine")
    tab.page.get_by_text("ada").wait_for()
    assert any(cookie["name"] == "seen" for cookie in tab.page.context.cookies(site))
    tab.page.get_by_role("button", name="add").click()
    tab.page.get_by_role("button", name="add 42").wait_for()
    assert tab.errors == []


def test_a_page_for_users_refuses_others(site: str, tab: Tab) -> None:
    answer = tab.page.goto(f"{site}/members")
    assert answer is not None
    assert answer.status == 401
    tab.page.context.add_cookies([{"name": "user", "value": "bob", "url": site}])
    tab.page.goto(f"{site}/members")
    tab.page.get_by_text("welcome bob").wait_for()


def test_an_action_sends_the_page_elsewhere(site: str, tab: Tab) -> None:
    tab.page.goto(f"{site}/mine")
    tab.page.get_by_text("nobody").wait_for()
    tab.page.get_by_role("button", name="leave").click()
    tab.page.wait_for_url(f"{site}/late")
    tab.page.get_by_text("soon nothing").wait_for()


def test_what_turns_up_late_can_still_send_it_elsewhere_or_not_be_found(site: str, tab: Tab) -> None:
    tab.page.goto(f"{site}/late?how=redirect", wait_until="commit")
    tab.page.wait_for_url(f"{site}/chat")
    tab.page.goto(f"{site}/late?how=missing")
    tab.page.get_by_role("heading", name="gone").wait_for()
    assert tab.errors == []
