"""Pages whose tree the app's functions make: the status, what is awaited, and the three endings of their documents."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import flightwire
from flightwire.server.app import App

from .asgi import Exchange

pytestmark = pytest.mark.anyio
PREAMBLE = "import asyncio\nfrom flightwire import *\nfrom flightwire import html\nlog = []\n"
MODULES = (
    "@flightwire/client/tree",
    "error.tsx",
    "loading.tsx",
    "not-found.tsx",
    "deep/loading.tsx",
    "chart.tsx",
)
MANIFEST = {
    "version": 1,
    "entry": {"file": "assets/e.js", "js": ["assets/e.js"], "css": []},
    "modules": {
        name: {"exports": ["default", "Page", "ErrorBoundary", "NotFoundBoundary"], "chunks": [name, name], "js": [], "css": []}
        for name in MODULES
    },
    "pages": {},
}  # fmt: skip

Made = Callable[..., App]


@pytest.fixture
def app(tmp_path: Path) -> Made:
    """Make a built app of these Python files, with the scripts that are named."""

    def make(files: dict[str, str], *scripts: str) -> App:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(PREAMBLE + text)
        build = tmp_path / ".flightwire/build"
        build.mkdir(parents=True)
        modules = {name: MANIFEST["modules"][name] for name in (MODULES[0], *scripts)}
        (build / "manifest.json").write_text(json.dumps({**MANIFEST, "modules": modules}))
        return flightwire.app(tmp_path, mode="production")

    return make


def ask(app: App, path: str = "/", **options: object) -> Exchange:
    return Exchange(app, method="GET", path=path, **options)  # type: ignore[arg-type] # spelled by the tests


async def rows_of(app: App, path: str = "/") -> str:
    done = await ask(app, path, headers={"accept": "text/x-component"}).finish()
    assert done.headers["content-type"] == "text/x-component"
    return done.text


def log_of(app: App, file: str = "page.py") -> list[str]:
    assert app.app_folder is not None
    module = app.app_folder.module(file)
    assert module is not None
    log: list[str] = module.log
    return log


async def test_what_comes_at_once_is_a_whole_document(app: Made) -> None:
    done = await ask(app({"page.py": "async def page(): return html.p('hi')"})).finish()
    assert done.status == 200
    assert "__flightwire_more" not in done.text
    assert int(done.headers["content-length"]) == len(done.body)
    assert "hi" in json.loads(re.findall(r'rows">(.*?)</script>', done.text)[0])


async def test_what_comes_later_is_in_the_same_document_with_its_nonce(app: Made) -> None:
    page = "async def later():\n await asyncio.sleep(0.2)\n return '</script>'\ndef page(): return html.p(later())"
    done = await ask(app({"page.py": page})).finish()
    pieces = [message["body"] for message in done.messages if message["type"] == "http.response.body"]
    assert b"u003c/script" not in pieces[0]
    assert b"push(" not in pieces[0]
    assert len(pieces) > 1
    nonce = re.findall(r"'nonce-([^']+)'", done.headers["content-security-policy"])[0]
    pushed = re.findall(rf'<script nonce="{nonce}">.*?push\((.*?)\)</script>', done.text)
    assert "</script>" in "".join(json.loads(piece) for piece in pushed)
    assert done.text.endswith("</html>\n")
    assert 'type="module" async' in done.text
    assert "content-length" not in done.headers


async def test_what_is_there_is_shown_soon_also_where_timers_are_early(
    app: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    call_at = loop.call_at
    # As uvloop does: it counts in whole milliseconds.
    monkeypatch.setattr(loop, "call_at", lambda when, *rest, **more: call_at(when - 0.002, *rest, **more))
    page = "async def never():\n await asyncio.Event().wait()\ndef page(): return html.p(never(), 'soon')"
    exchange = ask(app({"page.py": page}))
    async with asyncio.timeout(5):  # a row without meaning would come after fifteen seconds, and bring it
        await exchange.until(lambda exchange: b"soon" in exchange.body)
    exchange.leave()
    await exchange.finish()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return html.p('x')", 200),
        ("not_found()", 404),
        ("raise RuntimeError('x')", 500),
        ("redirect('/a?b=ü')", 303),
        ("return html.p(object())", 200),  # it is known too late
    ],
)
async def test_the_status_says_what_became_of_the_page(app: Made, body: str, status: int) -> None:
    done = await ask(
        app({"page.py": f"async def page():\n await asyncio.sleep(0)\n {body}"}), root_path="/x"
    ).finish()
    assert done.status == status
    if status == 303:
        assert done.headers["location"] == "/x/a?b=%C3%BC"
        assert done.body == b""


async def test_loading_lets_the_document_begin(app: Made) -> None:
    page = "async def page():\n await asyncio.sleep(0.2)\n not_found()"
    done = await ask(app({"deep/page.py": page}, "deep/loading.tsx"), "/deep").finish()
    assert done.status == 200
    assert '"digest":"not-found"' in json.loads(re.findall(r"push\((.*?)\)</script>", done.text)[-1])


async def test_what_stands_around_a_page_has_an_order(app: Made) -> None:
    layout = "def layout(children): return html.div(children)"
    made = app(
        {"page.py": "def page(): return 'x'", "layout.py": layout},
        "error.tsx",
        "loading.tsx",
        "not-found.tsx",
    )
    text = await rows_of(made)
    tree = next(line for line in text.splitlines() if '"div"' in line)
    places = [
        re.search(pattern, tree)
        for pattern in ('"div"', '"component"', "react.suspense", '"fallback":.*"fallback"')
    ]
    assert all(places), tree
    assert [place.start() for place in places if place] == sorted(place.start() for place in places if place)


async def test_layouts_and_the_page_run_at_the_same_time(app: Made) -> None:
    layout = "both = asyncio.Event()\nasync def layout(children):\n await asyncio.wait_for(both.wait(), 5)\n return children"
    page = "from .layout import both\nasync def page():\n both.set()\n return 'there'"
    assert '"there"' in await rows_of(app({"page.py": page, "layout.py": layout}))


async def test_a_failing_part_leaves_the_rest(app: Made) -> None:
    layout = "def layout(children): return html.div('kept', children)"
    text = await rows_of(app({"page.py": "def page(): raise ValueError('secret')", "layout.py": layout}))
    assert '"kept"' in text
    assert ":E{" in text
    assert "secret" not in text


async def test_a_client_that_goes_away_ends_the_functions(app: Made) -> None:
    page = (
        "async def later():\n try:\n  await asyncio.sleep(60)\n finally:\n  log.append('ended')\n"
        "def page():\n after(lambda: log.append('after'))\n return html.p(later())"
    )
    made = app({"page.py": page})
    exchange = ask(made)
    await exchange.until(lambda each: each.messages)
    exchange.leave()
    await exchange.finish()
    assert sorted(log_of(made)) == ["after", "ended"]


async def test_time_that_is_up_ends_the_document(app: Made, tmp_path: Path) -> None:
    app({"page.py": "async def later():\n await asyncio.sleep(60)\nasync def page(): return html.p(later())"})
    done = await ask(flightwire.app(tmp_path, mode="production", max_duration_s=0.3)).finish()
    assert done.text.endswith("</html>\n")
    assert ":E{" in done.text


async def test_background_work_of_a_page_goes_on_until_it_is_done(app: Made) -> None:
    page = "async def work():\n await asyncio.sleep(0.05)\n log.append('done')\nasync def page():\n start_soon(work)\n return 'x'"
    made = app({"page.py": page})
    await ask(made).finish()
    assert log_of(made) == ["done"]


async def test_a_head_request_gets_the_head_alone(app: Made) -> None:
    done = await Exchange(app({"page.py": "def page(): return 'x'"}), method="HEAD").finish()
    assert done.status == 200
    assert done.body == b""


async def test_metadata_that_fails_stands_where_the_page_would(app: Made) -> None:
    page = "async def generate_metadata(): not_found()\ndef page(): return 'x'"
    done = await ask(app({"page.py": page})).finish()
    assert done.status == 404


async def test_search_params_have_lists_and_a_limit(app: Made) -> None:
    made = app({"page.py": "def page(search_params):\n log.append(search_params)\n return 'x'"})
    for query, status in ((b"a=1&a=2&b=%C3%BC&c=", 200), (b"&".join([b"a=1"] * 2000), 400)):
        done = ask_with(made, query)
        await done.finish()
        assert done.status == status
    assert log_of(made) == [{"a": ["1", "2"], "b": "ü", "c": ""}]


def ask_with(app: App, query: bytes) -> Exchange:
    async def asked(scope: dict[str, object], receive: object, send: object) -> None:
        await app({**scope, "query_string": query}, receive, send)  # type: ignore[arg-type] # as ASGI has it

    return Exchange(asked, method="GET")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", "there is no function 'page' in it. Write `async def page(params): …`."),
        ("page = 3", "'page' is a int; it must be a function."),
        ("def page(sybmol): ...", "page() asks for 'sybmol', and nobody could fill it"),
        ("metadata = 3\ndef page(): ...", "'metadata' is a int; it must be a dict"),
    ],
)
def test_a_file_that_is_no_page_is_a_letter(app: Made, text: str, expected: str) -> None:
    error = app({"page.py": text}).load_error
    assert error is not None
    assert "page.py" in str(error)
    assert expected in str(error)


async def test_many_pages_at_once(app: Made) -> None:
    made = app({"page.py": "async def page(params):\n await asyncio.sleep(0)\n return html.p('x')"})
    done = await asyncio.gather(*(ask(made).finish() for _ in range(50)))
    assert {each.status for each in done} == {200}


AUTH = """
from starlette.exceptions import HTTPException
class User:
    id = 1
async def current_user(request: Request) -> User | None:
    """
PAGE_FOR_USERS = "from .auth import User\nasync def page(user: User): return html.p('hers')"


@pytest.mark.parametrize(
    ("body", "status", "header", "says"),
    [
        ("return User()", 200, "", "hers"),
        ("return None", 401, "", "for users who are signed in"),
        ("redirect('/login')", 303, "/x/login", ""),
        ("raise HTTPException(303, headers={'Location': '/sign-in'})", 303, "/sign-in", ""),
        ("not_found()", 404, "", "Not found"),
        ("raise UserError('Pay first.')", 401, "", "Pay first."),
        ("raise ForbiddenError('Go away.')", 403, "", "Go away."),
        ("raise RuntimeError('dsn')", 500, "", "The log of the server says why"),
    ],
)
async def test_auth_decides_for_pages_too(app: Made, body: str, status: int, header: str, says: str) -> None:
    made = app({"auth.py": AUTH + body, "page.py": PAGE_FOR_USERS})
    done = await ask(made, root_path="/x").finish()
    assert (done.status, done.headers.get("location", "")) == (status, header)
    assert says in done.text
    assert "dsn" not in done.text


@pytest.mark.parametrize(("body", "status"), [("redirect('/login')", 303), ("not_found()", 404)])
async def test_auth_may_send_calls_elsewhere(app: Made, body: str, status: int) -> None:
    made = app({"auth.py": AUTH + body, "actions.py": "@action\nasync def save(): return 1"})
    done = await Exchange(made, headers={"rsc-action-id": "actions#save"}, body=b"[]").finish()
    assert done.status == status
