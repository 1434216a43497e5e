"""Forms, transitions, bound actions, uploads and redirects in a real page, with React's development and production builds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import SERVERS, Files, Tab
from .running import Running

ACTIONS = """\
import asyncio
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel

from flightwire import (
    Action, File, FileLimits, FormData, FromForm, Request, UserError, action, not_found, redirect, start_soon,
    create_streamable_value,
)


class State(TypedDict):
    count: int
    said: str


class Signup(BaseModel):
    name: str
    age: int
    subscribe: bool = False
    photo: Annotated[File, FileLimits(max_file_bytes=3_000_000, accept=["image/png"])]


@action
async def add(previous: State, form: FormData) -> State:
    if form["word"] == "bad":
        raise UserError("Mind your language.")
    return {"count": previous["count"] + 1, "said": previous["said"] + str(form["word"])}


@action
async def sign_up(previous: str, signup: Annotated[Signup, FromForm()]) -> str:
    return f"{signup.name} {signup.age} {signup.subscribe} {signup.photo.size} {signup.photo.media_type}"


@action
async def note(form: FormData) -> None:
    notes.append(str(form["note"]))


@action
async def read_notes() -> list[str]:
    return notes


@action
async def bound_actions() -> dict[str, Any]:
    return {"save": save.bind("item-7"), "form": save_form.bind("item-8"), "run": run}


@action
async def save(item: str, text: str = "") -> str:
    return f"{item}:{text}"


@action
async def save_form(item: str, form: FormData) -> None:
    notes.append(f"{item}={form['note']}")


@action
async def run(callback: Action[..., Any], text: str) -> str:
    return await callback(text) + "!"


@action
async def click(request: Request) -> str:
    request.response.set_cookie("clicked", "yes")
    return "clicked"


@action
async def slow(n: int) -> int:
    await asyncio.sleep(2)
    return n + 1


@action
async def go(where: str) -> None:
    redirect(where)


@action
async def look() -> None:
    not_found()


notes: list[str] = []
"""

PAGE = """\
'use client';

import { startTransition, useActionState, useState, useTransition } from 'react';
import { isActionError } from '@flightwire/client';
import { add, boundActions, click, go, look, note, readNotes, signUp, slow } from './actions';
import { NoteForm } from './note-form';

export default function Home() {
  const [state, addWord, isAdding] = useActionState(add, { count: 0, said: '' });
  const [signedUp, signUpWith] = useActionState(signUp, '');
  const [said, say] = useState('');
  const [isPending, start] = useTransition();
  const [number, setNumber] = useState(0);
  const [given, setGiven] = useState<any>();
  const tell = (work: Promise<unknown>) => work.then(
    value => say(String(value)),
    error => say(isActionError(error) ? `${error.digest} ${error.status} ${error.userMessage}` : `other: ${error}`),
  );

  return (
    <main>
      <form action={addWord} id="add"><input name="word" /><button>Add</button></form>
      <output id="state">{state.count}:{state.said}:{String(isAdding)}</output>
      <form action={signUpWith} id="signup">
        <input name="name" defaultValue="Ada" /><input name="age" type="number" defaultValue="36" />
        <input name="subscribe" type="checkbox" defaultChecked /><input name="photo" type="file" /><button>Sign up</button>
      </form>
      <output id="signed">{signedUp}</output>
      <NoteForm send={note} />
      <button onClick={() => tell(readNotes().then(all => all.join()))}>Notes</button>
      <button onClick={async () => { setGiven(await boundActions()); say('bound'); }}>Bind</button>
      {given && <>
        <button onClick={() => tell(given.save('hi'))}>Save</button>
        <button onClick={() => tell(given.save.bind(null, 'more')())}>Save more</button>
        <button onClick={() => tell(given.run(given.save, 'back'))}>Run</button>
        <form action={given.form} id="boundform"><input name="note" defaultValue="n" /><button>Send bound</button></form>
      </>}
      <button onClick={click as any}>Event</button>
      <button onClick={() => start(async () => { const next = await slow(number); startTransition(() => setNumber(next)); })}>
        Slow
      </button>
      <output id="slow">{number}:{String(isPending)}</output>
      <button onClick={() => tell(go('/elsewhere?from=home#end'))}>Go</button>
      <button onClick={() => tell(go('#x'))}>Go wrong</button>
      <button onClick={() => tell(look())}>Look</button>
      <output id="said">{said}</output>
    </main>
  );
}
"""

NOTE_FORM = """\
'use client';
import { useFormStatus } from 'react-dom';

function Send() {
  const { pending } = useFormStatus();
  return <button disabled={pending}>Note</button>;
}

export function NoteForm({ send }: { send: (form: FormData) => Promise<void> }) {
  return <form action={send} id="note"><input name="note" /><Send /></form>;
}
"""

ELSEWHERE = "'use client';\nexport default function Elsewhere() { return <h1>Elsewhere</h1>; }\n"
FILES: Files = {
    "actions.py": ACTIONS,
    "page.tsx": PAGE,
    "note-form.tsx": NOTE_FORM,
    "elsewhere/page.tsx": ELSEWHERE,
}
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 2_000_000


@pytest.fixture(scope="module")
def server(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES)) as running:
        yield running


@pytest.fixture
def home(server: Running, tab: Tab) -> Tab:
    tab.page.goto(server.url)
    tab.page.get_by_role("button", name="Add").wait_for()
    return tab


def shows(tab: Tab, id: str, text: str) -> None:
    expect(tab.page.locator(f"#{id}")).to_have_text(text)


def press(tab: Tab, name: str) -> None:
    tab.page.get_by_role("button", name=name, exact=True).click()


def test_use_action_state_carries_the_state_and_the_form(home: Tab) -> None:
    for word, expected in (("a", "1:a:false"), ("b", "2:ab:false")):
        home.page.locator("#add input").fill(word)
        press(home, "Add")
        shows(home, "state", expected)
    assert home.page.locator("#add input").input_value() == ""  # React resets a form whose action is done
    assert home.errors == []


def test_a_form_becomes_a_model_with_its_file(home: Tab) -> None:
    home.page.locator("#signup input[type=file]").set_input_files(
        {"name": "../ada.png", "mimeType": "text/plain", "buffer": PNG}
    )
    press(home, "Sign up")
    shows(home, "signed", f"Ada 36 True {len(PNG)} image/png")
    assert home.errors == []


def test_an_action_is_a_prop_and_a_forms_action(home: Tab) -> None:
    home.page.locator("#note input").fill("remember")
    press(home, "Note")
    expect(home.page.locator("#note input")).to_have_value("")
    press(home, "Notes")
    expect(home.page.locator("#said")).to_contain_text("remember")
    assert home.errors == []


def test_bound_actions_come_back_with_their_arguments(home: Tab) -> None:
    press(home, "Bind")
    shows(home, "said", "bound")
    for name, expected in (("Save", "item-7:hi"), ("Save more", "item-7:more"), ("Run", "item-7:back!")):
        press(home, name)
        shows(home, "said", expected)
    with home.page.expect_response(lambda response: response.request.method == "POST"):
        press(home, "Send bound")
    press(home, "Notes")
    expect(home.page.locator("#said")).to_contain_text("item-8=n")
    assert home.errors == []


def test_an_event_that_react_hands_over_is_dropped(home: Tab) -> None:
    with home.page.expect_response(lambda response: response.request.method == "POST") as answered:
        press(home, "Event")
    assert answered.value.status == 200
    assert [cookie["value"] for cookie in home.page.context.cookies() if cookie.get("name") == "clicked"] == [
        "yes"
    ]
    assert home.errors == []


def test_transitions_are_pending_while_the_action_runs(home: Tab) -> None:
    press(home, "Slow")
    shows(home, "slow", "0:true")
    shows(home, "slow", "1:false")
    assert home.errors == []


def test_a_redirect_takes_the_page_elsewhere(home: Tab, server: Running) -> None:
    press(home, "Go")
    home.page.get_by_role("heading", name="Elsewhere").wait_for()
    assert home.page.url == f"{server.url}/elsewhere?from=home#end"
    assert home.errors == []
    home.page.go_back()
    home.page.get_by_role("button", name="Add").wait_for()


def test_nothing_found_is_an_error_that_says_so(home: Tab) -> None:
    press(home, "Look")
    shows(home, "said", "not-found 404 undefined")


def test_a_redirect_to_nowhere_is_a_failure(home: Tab) -> None:
    press(home, "Go wrong")
    expect(home.page.locator("#said")).to_contain_text(" 500 ")
