"""The gallery: each of the thirteen recipes from a question to its answer, its source, its rows; for eyes, ears and keys."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from flightwire.testing.upstream import Ending, ScriptedUpstream

from .conftest import EXAMPLES, SERVERS, Tab, built_server, dev_server, pointing_at
from .mounting import mounted_server
from .running import Running

AXE = EXAMPLES.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
RECIPES = {
    "generate_text": "Generate Text",
    "generate_text_with_chat_prompt": "Generate Text with Chat Prompt",
    "stream_text": "Stream Text",
    "stream_text_with_chat_prompt": "Stream Text with Chat Prompt",
    "generate_object": "Generate Object",
    "stream_object": "Stream Object",
    "call_tools": "Call Tools",
    "call_tools_in_parallel": "Call Tools in Parallel",
    "save_messages_to_database": "Save Messages To Database",
    "restore_messages_from_database": "Restore Messages From Database",
    "render_visual_interface_in_chat": "Render Visual Interface in Chat",
    "stream_updates_to_visual_interfaces": "Stream Updates to Visual Interfaces",
    "record_token_usage": "Record Token Usage after Streaming User Interfaces",
}
NOTIFICATIONS = {
    "notifications": [
        {"name": name, "message": f"Hello from {name}.", "minutesAgo": 5} for name in ("Ann", "Bob", "Cem")
    ]
}
PHONE = {"width": 360, "height": 640}

Bench = Callable[[str], FrameLocator]


@pytest.fixture(scope="module")
def gallery(mode: str, examples: Path, upstream: ScriptedUpstream) -> Iterator[Running]:
    """The gallery, answered by the scripted API, with an empty database."""
    with SERVERS[mode](examples, pointing_at(upstream)) as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_left_over(upstream: ScriptedUpstream) -> None:
    """What a test that failed has scripted must not answer the next one."""
    upstream._scripts.clear()


@pytest.fixture
def bench(gallery: Running, tab: Tab) -> Iterator[Bench]:
    """Open a recipe in the gallery; gives its live frame. No page may complain."""

    def open_recipe(name: str) -> FrameLocator:
        return opened(tab.page, gallery.url, name)

    yield open_recipe
    assert tab.errors == []


def opened(page: Page, url: str, name: str) -> FrameLocator:
    page.goto(f"{url}/?recipe={name}")
    live = page.frame_locator("iframe")
    expect(live.get_by_role("textbox")).to_be_visible()
    return live


def ask(live: FrameLocator, text: str) -> None:
    expect(live.get_by_role("button", name="Stop")).to_be_hidden()  # one answer at a time
    live.get_by_role("textbox").fill(text)
    live.get_by_role("textbox").press("Enter")


def begin_another_chat(page: Page, live: FrameLocator) -> None:
    live.get_by_role("link", name="Begin another chat").click()
    page.frames[1].wait_for_url(re.compile(r"\?chat="))


def call(name: str, number: int = 1, **arguments: object) -> dict[str, object]:
    return {"id": f"call-{number}", "name": name, "arguments": arguments}


def answers(live: FrameLocator) -> list[str]:
    return [text.strip() for text in live.locator(".message.assistant > div").all_inner_texts()]


def rows_of(page: Page) -> str:
    return page.get_by_role("region", name="Flight rows").inner_text()


# --- the recipes ----------------------------------------------------------------------------------------------------


def test_the_gallery_shows_all_thirteen(gallery: Running, tab: Tab) -> None:
    tab.page.goto(gallery.url)
    cards = tab.page.get_by_role("main").get_by_role("heading", level=3)
    expect(cards).to_have_text(list(RECIPES.values()))
    tab.page.get_by_role("navigation", name="Recipes").get_by_role(
        "link", name="Call Tools", exact=True
    ).click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Call Tools")
    assert tab.errors == []


def test_an_unknown_recipe_is_not_found(gallery: Running, tab: Tab) -> None:
    response = tab.page.goto(f"{gallery.url}/?recipe=../secrets")
    assert response is not None
    assert response.status == 404


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_shows_its_title_and_all_of_its_source(name: str, bench: Bench, tab: Tab) -> None:
    bench(name)
    expect(tab.page).to_have_title(f"{RECIPES[name]} · Flightwire")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(RECIPES[name])
    files = tab.page.get_by_role("tablist", name="Files").get_by_role("tab")
    assert files.first.inner_text() == "actions.py"
    for file in files.all():
        file.click()
        source = (EXAMPLES / name / file.inner_text()).read_text(encoding="utf-8")
        assert tab.page.locator("[role=tabpanel] code").text_content() == source
        assert tab.page.locator("[role=tabpanel] .keyword").count() > 0
    names = {
        str(path.relative_to(EXAMPLES / name))
        for path in (EXAMPLES / name).rglob("*.*")
        if path.suffix in (".py", ".tsx")
    }
    assert set(files.all_inner_texts()) == names


def test_generate_text(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("generate_text")
    upstream.answer(["Rayleigh", " scattering."])
    live.get_by_role("button", name="Answer").click()
    expect(live.get_by_role("log")).to_contain_text("Rayleigh scattering.")
    expect(live.get_by_role("log")).to_contain_text("3 tokens, ended by stop")


def test_generate_text_with_chat_prompt(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("generate_text_with_chat_prompt")
    number = len(upstream.requests)
    upstream.answer(["All good."])
    upstream.answer(["Rayleigh."])
    live.get_by_role("button", name="How is it going?").click()
    expect(live.locator(".message.assistant")).to_have_text("Assistant: All good.")
    ask(live, "Why is the sky blue?")
    expect(live.locator(".message.assistant")).to_have_text(["Assistant: All good.", "Assistant: Rayleigh."])
    sent = json.dumps(upstream.requests[number + 1].json)
    assert all(text in sent for text in ("How is it going?", "All good.", "Why is the sky blue?"))


def test_stream_text(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("stream_text")
    gate = upstream.new_gate()
    upstream.answer(["Ray", "leigh"], gate=gate)
    live.get_by_role("button", name="Ask").click()
    expect(live.get_by_role("log")).to_contain_text("Ray")
    expect(live.get_by_role("log")).not_to_contain_text("leigh")
    gate.release()
    expect(live.get_by_role("log")).to_contain_text("Rayleigh")
    expect(live.get_by_role("status")).to_have_text("The assistant answered: Rayleigh")


def test_stream_text_with_chat_prompt(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("stream_text_with_chat_prompt")
    gate = upstream.new_gate()
    upstream.answer(["Du", "de."], gate=gate)
    ask(live, "Hi")
    expect(live.locator(".message.assistant")).to_have_text("Assistant: Du")
    gate.release()
    expect(live.locator(".message.assistant")).to_have_text("Assistant: Dude.")


def test_generate_object(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("generate_object")
    upstream.answer([json.dumps(NOTIFICATIONS)])
    live.get_by_role("button", name="View Notifications").click()
    expect(live.get_by_role("listitem")).to_have_text(
        [re.compile(f"{name} 5 min agoHello from {name}") for name in ("Ann", "Bob", "Cem")]
    )


def test_stream_object(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("stream_object")
    gate = upstream.new_gate()
    text = json.dumps(NOTIFICATIONS)
    half = text.index("from Bob")
    upstream.answer([text[:half], text[half:]], gate=gate)
    live.get_by_role("button", name="Ask").click()
    expect(live.get_by_role("listitem")).to_have_count(2)
    gate.release()
    expect(live.get_by_role("listitem")).to_have_count(3)
    expect(live.get_by_role("listitem").last).to_contain_text("Hello from Cem.")


def test_call_tools(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("call_tools")
    upstream.answer(tool_calls=[call("celsius_to_fahrenheit", value=24)], finish_reason="tool_calls")
    live.get_by_role("button", name="What is 24 celsius in fahrenheit?").click()
    expect(live.locator(".message.assistant")).to_have_text("Assistant: 24°C is 75.20°F")


def test_a_button_chooses_the_tool_for_the_model(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("call_tools")
    number = len(upstream.requests)
    upstream.answer(tool_calls=[call("celsius_to_fahrenheit", value=-40)], finish_reason="tool_calls")
    live.get_by_role("textbox").fill("Minus forty?")
    live.get_by_role("button", name="celsius_to_fahrenheit").click()
    expect(live.locator(".message.assistant")).to_have_text("Assistant: -40°C is -40.00°F")
    assert "celsius_to_fahrenheit" in json.dumps(upstream.requests[number].json["tool_choice"])


def test_call_tools_in_parallel(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("call_tools_in_parallel")
    calls = [call("get_weather", 1, city="Paris", unit="C"), call("get_weather", 2, city="London", unit="F")]
    upstream.answer(tool_calls=calls, finish_reason="tool_calls")
    live.get_by_role("button", name="What is the weather in Paris and London?").click()
    expect(live.locator(".message.assistant")).to_contain_text(
        re.compile(r"°C and sunny in Paris!\s.*°F and sunny in London!")
    )


def test_save_messages_to_database(bench: Bench, tab: Tab, upstream: ScriptedUpstream) -> None:
    live = bench("save_messages_to_database")
    begin_another_chat(tab.page, live)
    upstream.answer(["To be", " safe."])
    upstream.answer(
        tool_calls=[call("show_stock_information", symbol="IBM", months=3)], finish_reason="tool_calls"
    )
    ask(live, "Why do people save money?")
    expect(live.locator(".message.assistant")).to_have_text("Assistant: To be safe.")
    ask(live, "And IBM?")
    expect(live.locator(".message.assistant .card")).to_contain_text("IBM")
    expect(
        live.get_by_role("button", name="Send Message")
    ).to_be_visible()  # the answer is done, so it is saved
    shown = live.get_by_role("log").inner_text()
    frame = tab.page.frames[1]
    frame.goto(frame.url)
    expect(live.locator(".message.assistant .card")).to_be_visible()
    assert live.get_by_role("log").inner_text() == shown


def test_restore_messages_from_database(bench: Bench, tab: Tab, upstream: ScriptedUpstream) -> None:
    title = f"What is worth keeping, {len(upstream.requests)}?"
    live = bench("save_messages_to_database")
    begin_another_chat(tab.page, live)
    upstream.answer(["Letters."])
    upstream.answer(["Photographs, too."])
    ask(live, title)
    expect(live.locator(".message.assistant")).to_have_text("Assistant: Letters.")
    expect(live.get_by_role("button", name="Send Message")).to_be_visible()
    live = bench("restore_messages_from_database")
    live.get_by_role("navigation", name="Saved chats").get_by_role("link", name=title).click()
    tab.page.frames[1].wait_for_url(re.compile(r"\?chat="))  # the newest chat was shown without being named
    expect(live.locator(".message.assistant")).to_have_text("Assistant: Letters.")
    ask(live, "What else?")
    expect(live.locator(".message.assistant")).to_have_text(
        ["Assistant: Letters.", "Assistant: Photographs, too."]
    )


def test_render_visual_interface_in_chat(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("render_visual_interface_in_chat")
    stock = call("show_stock_information", symbol="IBM", num_of_months=4)
    upstream.answer(tool_calls=[stock], finish_reason="tool_calls")
    upstream.answer(
        tool_calls=[call("show_flight_status", flight_number="LH438")], finish_reason="tool_calls"
    )
    live.get_by_role("button", name="What is the stock price of IBM?").click()
    months = live.get_by_role("slider", name="Month")
    expect(months).to_have_attribute("aria-valuenow", "4")
    months.press("ArrowLeft")
    expect(months).to_have_attribute("aria-valuenow", "3")
    live.get_by_role("button", name="show_flight_status").click()
    expect(live.locator(".message.assistant").last).to_contain_text("Berlin to Lisbon")
    expect(months).to_have_attribute("aria-valuenow", "3")  # it has stayed mounted


def test_stream_updates_to_visual_interfaces(bench: Bench, upstream: ScriptedUpstream, tab: Tab) -> None:
    live = bench("stream_updates_to_visual_interfaces")
    upstream.answer(
        tool_calls=[call("deploy", repository_name="vercel/ai-chatbot")], finish_reason="tool_calls"
    )
    live.get_by_role("button", name="Deploy the repository").click()
    expect(live.locator(".message.assistant")).to_contain_text("Cloning repository vercel/ai-chatbot")
    expect(live.get_by_role("progressbar", name="Build")).to_be_visible()
    expect(live.locator(".message.assistant")).to_have_text("Assistant: vercel/ai-chatbot deployed!")
    expect(live.get_by_role("button", name="Send Message")).to_be_visible()
    assert rows_of(tab.page).count("model") > 20


def test_record_token_usage(bench: Bench, upstream: ScriptedUpstream) -> None:
    live = bench("record_token_usage")
    usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
    upstream.answer(["A piece", " of text."], usage=usage)
    ask(live, "What is a token?")
    expect(live.locator(".message.assistant")).to_contain_text("A piece of text.")
    expect(live.locator(".message.assistant")).to_contain_text("11 prompt + 4 completion = 15 tokens")


@pytest.mark.parametrize("name", ["stream_text", "stream_updates_to_visual_interfaces"])
def test_stop_ends_the_answer_and_the_work_behind_it(
    name: str, bench: Bench, upstream: ScriptedUpstream, tab: Tab
) -> None:
    live = bench(name)
    number = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    ask(live, "Go")
    expect(live.get_by_role("log")).to_contain_text("Half")
    live.get_by_role("button", name="Stop").click()
    upstream.wait_received(number).wait_closed()
    expect(live.get_by_role("button", name="Stop")).to_be_hidden()
    expect(live.get_by_role("log")).to_contain_text("Half")
    expect(live.get_by_role("textbox")).to_be_focused()
    expect(tab.page.get_by_role("region", name="Flight rows")).to_contain_text("stopped")


# --- the rows -------------------------------------------------------------------------------------------------------


def test_rows_appear_while_the_answer_is_made(bench: Bench, upstream: ScriptedUpstream, tab: Tab) -> None:
    live = bench("stream_text")
    gate = upstream.new_gate()
    upstream.answer(["One", " two", " three"], gate=gate)
    live.get_by_role("button", name="Ask").click()
    drawer = tab.page.get_by_role("region", name="Flight rows")
    expect(drawer).to_contain_text("generate arriving…")
    for word in ("One", " two"):
        expect(drawer.get_by_role("row").last).to_contain_text(f'"{word}"')
        gate.release()
    expect(drawer).to_contain_text('" three"')  # the end follows at once
    gate.release()
    expect(drawer).to_contain_text("generate complete")
    expect(drawer.get_by_role("row").last).to_contain_text(re.compile(r"\d+ ms\s*[0-9a-f]+\s*model\s*\d+ B"))
    expect(drawer.locator(".count")).to_have_text(re.compile(r"^[4-9] rows, \d+ B$"))
    drawer.get_by_role("button", name="Clear").click()
    expect(drawer.locator(".count")).to_have_text("0 rows, 0 B")


def test_rows_are_heard_again_after_the_recipe_was_reloaded(
    bench: Bench, upstream: ScriptedUpstream, tab: Tab
) -> None:
    live = bench("stream_text")
    tab.page.frames[1].evaluate("() => location.reload()")
    tab.page.wait_for_load_state("networkidle")
    upstream.answer(["Again"])
    live.get_by_role("button", name="Ask").click()
    expect(tab.page.get_by_role("region", name="Flight rows")).to_contain_text('"Again"')


# --- hands, eyes and ears -------------------------------------------------------------------------------------------


def focused(page: Page) -> str:
    name: str = page.evaluate(
        "() => document.activeElement.textContent.trim() || document.activeElement.tagName"
    )
    return name


def test_everything_can_be_reached_by_keys(bench: Bench, tab: Tab) -> None:
    bench("stream_text")
    page = tab.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the recipe")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main").first).to_be_focused()
    page.get_by_role("tab", name="actions.py").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="page.tsx")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_contain_text("'use client'")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tabpanel")).to_be_focused()
    page.keyboard.press("Tab")
    toggle = page.get_by_role("button", name="Flight rows")
    expect(toggle).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(toggle).to_be_focused()
    expect(toggle).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("region", name="Rows of the calls")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Rows of the calls")).to_be_visible()


def test_a_phone_shows_one_of_three_at_a_time(gallery: Running, upstream: ScriptedUpstream, tab: Tab) -> None:
    page = tab.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict of Playwright's
    live = opened(page, gallery.url, "stream_text")
    upstream.answer(["w" * 300])
    live.get_by_role("button", name="Ask").click()
    expect(live.get_by_role("log")).to_contain_text("www")
    views = page.get_by_role("tablist", name="What to show")
    views.get_by_role("tab", name="Source").click()
    expect(page.get_by_role("tabpanel")).to_be_in_viewport()
    expect(page.locator("iframe")).to_be_hidden()
    views.get_by_role("tab", name="Rows").click()
    expect(page.get_by_role("region", name="Flight rows")).to_contain_text("complete")
    expect(page.get_by_role("tabpanel")).to_be_hidden()
    views.get_by_role("tab", name="Live").click()
    expect(live.get_by_role("log")).to_contain_text("www")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Recipes").click()
    page.get_by_role("link", name="Stream Object").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stream Object")
    assert tab.errors == []


COLOURS = "node => { const style = getComputedStyle(node); return [style.backgroundColor, style.color]; }"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_until_one_chooses(scheme: str, gallery: Running, tab: Tab) -> None:
    page = tab.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two literals
    live = opened(page, gallery.url, "stream_text")
    other = {"light": "dark", "dark": "light"}[scheme]
    for body in (page.locator("body"), live.locator("body")):
        assert tone(body.evaluate(COLOURS)) == scheme
    page.get_by_role("button", name=f"Use {other} colours").click()
    for body in (page.locator("body"), live.locator("body")):
        assert tone(body.evaluate(COLOURS)) == other
    live = opened(page, gallery.url, "stream_object")
    for body in (page.locator("body"), live.locator("body")):
        assert tone(body.evaluate(COLOURS)) == other


def tone(colours: list[str]) -> str:
    paper, ink = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert abs(paper - ink) > 500
    return "dark" if paper < ink else "light"


AUDIT = """async () => {
  const found = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] });
  return found.violations.map(each => `${each.id}: ${each.nodes.map(node => node.target.join(' ')).join(', ')}`);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["", "call_tools", "generate_object"])
def test_nothing_stands_in_the_way_of_a_screen_reader(
    name: str, scheme: str, gallery: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    page = tab.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two literals
    if name:
        upstream.answer([json.dumps(NOTIFICATIONS)])
        live = opened(page, gallery.url, name)
        ask(live, "Hi")
        expect(live.get_by_role("log")).to_contain_text("Ann")
        expect(page.get_by_role("region", name="Flight rows")).to_contain_text("complete")
    else:
        page.goto(gallery.url)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    for frame in page.frames:
        frame.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(AUDIT) == []


# --- elsewhere ------------------------------------------------------------------------------------------------------


def test_the_gallery_works_under_a_prefix(tmp_path: Path, upstream: ScriptedUpstream, tab: Tab) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "app", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    with mounted_server(tmp_path / "app", "production", "/x/y", pointing_at(upstream)) as address:
        upstream.answer(["Under a prefix."])
        tab.page.goto(f"{address}/")
        tab.page.get_by_role("main").get_by_role("link", name="Stream Text The answer").click()
        live = tab.page.frame_locator("iframe")
        live.get_by_role("button", name="Ask").click()
        expect(live.get_by_role("log")).to_contain_text("Under a prefix.")
        expect(tab.page.get_by_role("region", name="Flight rows")).to_contain_text("complete")
    assert tab.errors == []


@pytest.mark.parametrize("serve", [dev_server, built_server])
def test_a_recipe_with_components_starts_alone(
    serve: Callable[..., object], examples: Path, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(
        tool_calls=[call("show_stock_information", symbol="IBM", num_of_months=4)], finish_reason="tool_calls"
    )
    with serve(examples / "render_visual_interface_in_chat", pointing_at(upstream)) as server:  # type: ignore[attr-defined]
        tab.open(server.url)
        tab.page.get_by_role("button", name="show_stock_information").click()
        expect(tab.page.get_by_role("slider", name="Month")).to_be_visible()
    assert tab.errors == []


# --- the model of this machine --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local_gallery(examples: Path) -> Iterator[Running]:
    """The gallery as `make run` starts it."""
    with dev_server(examples, {"FLIGHTWIRE_MODEL": "local/smollm2"}) as server:
        yield server


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "button", "expected"),
    [
        ("stream_text", "Ask", r"\w+ \w+ \w+"),
        ("generate_object", "View Notifications", r"min ago[\s\S]*min ago[\s\S]*min ago"),
        ("call_tools", "What is 24 celsius in fahrenheit?", r"°C is .*°F"),
        ("render_visual_interface_in_chat", "show_flight_status", "Berlin to Lisbon"),
    ],
)
def test_the_small_model_answers(
    name: str, button: str, expected: str, local_gallery: Running, tab: Tab
) -> None:
    live = opened(tab.page, local_gallery.url, name)
    expect(tab.page.get_by_text("Answered by local/smollm2")).to_be_visible()
    expect(tab.page.get_by_text("135 million parameters")).to_be_visible()
    live.get_by_role("button", name=button).click()
    expect(live.get_by_role("log")).to_contain_text(re.compile(expected), timeout=60_000)
    expect(live.get_by_role("button", name="Stop")).to_be_hidden(timeout=60_000)
    assert tab.errors == []
