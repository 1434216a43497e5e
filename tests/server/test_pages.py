"""The shell and the assets, without Vite or a browser: what is served under which path, and how data is escaped."""

from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flightwire.errors import AppLoadError, ToolchainError
from flightwire.server.pages import Pages, _origin_seen_by
from flightwire.server.shell import Document, render_letter, render_shell

from .asgi import Exchange

pytestmark = pytest.mark.anyio

MANIFEST: dict[str, Any] = {
    "version": 1,
    "entry": {"file": "assets/entry-a1.js", "js": ["assets/entry-a1.js", "assets/react-b2.js"], "css": []},
    "modules": {
        "page.tsx": {
            "exports": ["default"],
            "chunks": ["page.tsx", "page.tsx"],
            "js": ["assets/page-c3.js", "assets/react-b2.js"],
            "css": ["assets/page-d4.css"],
        },
        "@flightwire/client/tree": {
            "exports": ["Page"],
            "chunks": ["@flightwire/client/tree"] * 2,
            "js": [],
            "css": [],
        },
    },
    "pages": {"page.tsx": {"maxDuration": 30}},
}


class FakeVite:
    """Where Vite would be: pages ask it for nothing but its origin."""

    async def start(self) -> str:
        return "http://127.0.0.1:5173"

    async def aclose(self) -> None:
        pass


class BrokenVite(FakeVite):
    async def start(self) -> str:
        raise ToolchainError("Vite cannot start: <no node>.")


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
        else:
            self.body += Path(message["path"]).read_bytes()

    @property
    def text(self) -> str:
        return self.body.decode()

    def data(self, id: str) -> Any:
        found = re.search(rf'<script type="application/json" id="{id}">(.*?)</script>', self.text, re.DOTALL)
        assert found is not None
        return json.loads(found[1])


async def get(
    pages: Pages, path: str = "/", *, method: str = "GET", root_path: str = "", **headers: str
) -> Answer:
    async def receive() -> Any:
        await asyncio.Event().wait()  # a client that stays

    scope = {
        "type": "http",
        "method": method,
        "path": root_path + path,
        "root_path": root_path,
        "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()],
    }
    answer = Answer()
    await pages(scope, receive, answer)
    return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my_shop" / "app"
    folder.mkdir(parents=True)
    (folder / "page.tsx").write_text("export default function Home() { return null }")
    return folder


@pytest.fixture
def development(folder: Path) -> Pages:
    return Pages(folder, mode="development", vite=FakeVite())  # type: ignore[arg-type] # as much of it as pages use


@pytest.fixture
def production(folder: Path) -> Pages:
    build = folder / ".flightwire" / "build"
    (build / "assets").mkdir(parents=True)
    (build / "manifest.json").write_text(json.dumps(MANIFEST))
    for name in ("entry-a1.js", "page-c3.js", "react-b2.js", "page-d4.css"):
        (build / "assets" / name).write_text(f"/* {name} */")
    (build / "secret.txt").write_text("not an asset")
    return Pages(folder, mode="production")


async def test_the_root_is_a_page(development: Pages):
    answer = await get(development)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("<!doctype html>")
    assert ">My shop</title>" in answer.text


async def test_the_shell_carries_the_page_as_flight_rows(development: Pages):
    rows = (await get(development)).data("__flightwire_rows").splitlines()
    assert any(row.endswith(':I["page.tsx",["page.tsx","page.tsx"],"default"]') for row in rows)
    props = json.loads(rows[-1].removeprefix("0:"))[3]
    assert props == {"component": "$2", "params": {}, "searchParams": {}}


@pytest.mark.parametrize("prefix", ["", "/x", "/x/y", "/ä b", "/a'\"<b>"])
async def test_every_prefix_reaches_the_runtime(production: Pages, prefix: str):
    answer = await get(production, root_path=prefix)
    root = answer.data("__flightwire")["root"]
    assert root.isascii()
    assert not set(root) & set(' "<>')
    assert f'src="{root}/assets/entry-a1.js"'.replace("'", "&#x27;") in answer.text


async def test_the_prefix_without_a_slash_is_the_page_too(development: Pages):
    answer = await get(development, "", root_path="/x")
    assert answer.data("__flightwire")["root"] == "/x"


async def test_a_prefix_is_cut_only_at_a_slash(development: Pages):
    assert (await get(development, "y/", root_path="/x")).status == 404


async def test_development_takes_modules_from_vite(development: Pages):
    answer = await get(development)
    assert re.findall(r'<script type="module" src="(.*?)" nonce="[\w-]+">', answer.text) == [
        "http://127.0.0.1:5173/@vite/client",
        "http://127.0.0.1:5173/@flightwire/entry",
    ]
    assert answer.data("__flightwire")["dev"] is True


async def test_production_takes_them_from_the_build(production: Pages):
    answer = await get(production, root_path="/x")
    assert re.findall(r'<script type="module" src="(.*?)" nonce="[\w-]+">', answer.text) == [
        "/x/assets/entry-a1.js"
    ]
    assert re.findall(r'modulepreload" href="(.*?)"', answer.text) == [
        "/x/assets/react-b2.js",
        "/x/assets/page-c3.js",
    ]
    assert re.findall(r'stylesheet" href="(.*?)"', answer.text) == ["/x/assets/page-d4.css"]
    assert answer.data("__flightwire") == {"root": "/x", "dev": False, "page": "page.tsx"}


async def test_every_document_has_a_policy_with_a_nonce_of_its_own(production: Pages):
    answers = [await get(production), await get(production), await get(production, "/nothing")]
    policies = [answer.headers["content-security-policy"] for answer in answers]
    nonces = [re.search(r"script-src 'nonce-([\w-]{22})'", policy)[1] for policy in policies]
    assert len(set(nonces)) == 3
    for answer, nonce in zip(answers, nonces, strict=True):
        assert set(re.findall(r'nonce="(.*?)"', answer.text)) == {nonce}
        assert not re.search(
            r"<(script type=.module|style|link rel=.(style|module)\w+.)(?![^>]*nonce)", answer.text
        )


async def test_an_app_may_have_no_policy(folder: Path):
    answer = await get(Pages(folder, mode="production", csp=False))
    assert "content-security-policy" not in answer.headers
    assert "nonce" not in answer.text


async def test_assets_are_kept_for_ever(production: Pages):
    answer = await get(production, "/assets/entry-a1.js", root_path="/x")
    assert answer.status == 200
    assert answer.body == b"/* entry-a1.js */"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_an_asset_that_the_browser_has_is_not_sent_again(production: Pages):
    first = await get(production, "/assets/entry-a1.js")
    assert first.headers["etag"]
    head = await get(production, "/assets/entry-a1.js", method="HEAD")
    assert head.body == b""
    assert head.headers["content-length"] == str(len(first.body))


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret.txt",
        "/assets/../../../page.tsx",
        "/assets/..\\secret.txt",
        "/assets//entry-a1.js",
        "/assets/",
        "/assets",
        "/assets/entry-a1.js/",
        "/assets/\0",
        "/manifest.json",
        "/secret.txt",
        "//etc/passwd",
        "/.flightwire/build/assets/entry-a1.js",
        "/page.tsx",
        "/actions.py",
    ],
)
async def test_nothing_but_assets_is_served(production: Pages, path: str):
    answer = await get(production, path)
    assert answer.status == 404
    assert "Not found" in answer.text


async def test_a_link_out_of_the_build_is_not_an_asset(production: Pages, folder: Path):
    (folder / ".flightwire/build/assets/link.js").symlink_to(folder / "page.tsx")
    assert (await get(production, "/assets/link.js")).status == 404


async def test_head_has_the_headers_and_no_body(development: Pages):
    page = await get(development)
    head = await get(development, method="HEAD")
    assert head.body == b""
    for answer in (page, head):
        assert answer.headers.pop("content-security-policy")  # has a nonce of its own
    assert head.headers == page.headers


async def test_a_path_that_is_not_there_is_repeated_without_becoming_html(development: Pages):
    answer = await get(development, "/<script>alert(1)</script>")
    assert answer.status == 404
    assert "<script>" not in answer.text


@pytest.mark.parametrize("mode", ["development", "production"])
async def test_a_folder_without_a_page_says_which_file_to_create(
    tmp_path: Path, production: Pages, mode: Any
):
    folder = production.folder
    (folder / "page.tsx").unlink()
    manifest = {**MANIFEST, "modules": {}}
    (folder / ".flightwire/build/manifest.json").write_text(json.dumps(manifest))
    answer = await get(Pages(folder, mode=mode, vite=FakeVite()))  # type: ignore[arg-type] # as above
    assert answer.status == 404
    assert "Missing page" in answer.text
    assert "page.tsx" in answer.text
    assert "export default" in answer.text


async def test_a_javascript_page_works_too(development: Pages, folder: Path):
    (folder / "page.tsx").rename(folder / "page.jsx")
    assert (await get(development)).data("__flightwire")["page"] == "page.jsx"


async def test_production_without_a_build_says_what_to_type(folder: Path, caplog: pytest.LogCaptureFixture):
    answer = await get(Pages(folder, mode="production"))
    assert answer.status == 500
    assert str(folder) not in answer.text
    assert "flightwire build" in caplog.text


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"version": 2}', '{"version": 1}', "null"])
async def test_a_broken_manifest_is_a_letter_in_the_log(
    production: Pages, folder: Path, manifest: str, caplog
):
    (folder / ".flightwire/build/manifest.json").write_text(manifest)
    assert (await get(production)).status == 500
    assert "manifest.json cannot be read" in caplog.text


async def test_a_new_build_is_noticed(production: Pages, folder: Path):
    assert (await get(production)).status == 200
    build = folder / ".flightwire/build"
    (build / "assets/entry-e5.js").write_text("/* new */")
    manifest = {**MANIFEST, "entry": {"file": "assets/entry-e5.js", "js": ["assets/entry-e5.js"], "css": []}}
    (build / "manifest.json").write_text(json.dumps(manifest))
    assert "assets/entry-e5.js" in (await get(production)).text
    assert (await get(production, "/assets/entry-e5.js")).body == b"/* new */"


async def test_a_vite_that_cannot_start_is_a_letter(folder: Path):
    pages = Pages(folder, mode="development", vite=BrokenVite())  # type: ignore[arg-type] # as above
    await pages.startup()
    answer = await get(pages)
    assert answer.status == 500
    assert "Vite cannot start: &lt;no node&gt;." in answer.text


async def test_an_app_that_cannot_be_loaded_still_has_its_page(folder: Path):
    error = AppLoadError("actions.py: </script> is not Python", path=str(folder / "actions.py"), line=3)
    pages = Pages(folder, mode="development", vite=FakeVite(), load_error=lambda: error)  # type: ignore[arg-type] # as above
    answer = await get(pages)
    assert answer.status == 200
    assert answer.data("__flightwire")["error"]["message"] == "actions.py: </script> is not Python"
    assert answer.data("__flightwire")["error"]["frames"] == [["", str(folder / "actions.py"), 3, 1]]


async def test_production_keeps_such_an_error_to_itself(production: Pages):
    production.load_error = lambda: AppLoadError("secret", path="actions.py")
    assert "secret" not in (await get(production)).text


# --- maxDuration --------------------------------------------------------------------------------------------------


async def test_max_duration_comes_from_the_build_in_production(production: Pages):
    assert production.max_duration_s("page.tsx") == 30
    assert production.max_duration_s("../page.tsx") is None


async def test_max_duration_follows_the_plugins_file_in_development(development: Pages, folder: Path):
    assert development.max_duration_s("page.tsx") is None
    write_pages(folder, {"page.tsx": {"maxDuration": 30}})
    assert development.max_duration_s("page.tsx") == 30
    write_pages(folder, {"page.tsx": {"maxDuration": 0.5}})
    assert development.max_duration_s("page.tsx") == 0.5


@pytest.mark.parametrize("value", [0, -1, True, "30", None, [], {}, float("inf"), float("nan"), 10**400, 1e9])
async def test_a_max_duration_that_is_no_time_is_none(development: Pages, folder: Path, value: object):
    write_pages(folder, {"page.tsx": {"maxDuration": value}})
    assert development.max_duration_s("page.tsx") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pages": []}', '{"pages": {"page.tsx": 3}}'])
async def test_a_broken_pages_file_is_no_limit(development: Pages, folder: Path, text: str):
    (folder / ".flightwire").mkdir()
    (folder / ".flightwire/pages.json").write_text(text)
    assert development.max_duration_s("page.tsx") is None


def write_pages(folder: Path, pages: object) -> None:
    (folder / ".flightwire").mkdir(exist_ok=True)
    (folder / ".flightwire/pages.json").write_text(json.dumps({"version": 1, "pages": pages}))


# --- escaping -----------------------------------------------------------------------------------------------------


class Scripts(HTMLParser):
    """The elements of a document and the text of its scripts, as a browser cuts them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and data.strip():
            self.texts.append(data)


@pytest.mark.parametrize(
    "text",
    ["</script><b>", "<!--<script>", "]]>", "\u2028\u2029", "\0", "é\U0001f600", "\ud800", "<\\/x>"],
    ids=ascii,
)
def test_rows_survive_the_document(text: str):
    document = Document("t", {"root": text}, text.encode("utf-8", "replace"), ["/a.js"])
    html = render_shell(document).decode()
    scripts = Scripts(html)
    assert "b" not in scripts.tags
    assert json.loads(scripts.texts[0]) == {"root": text}
    assert json.loads(scripts.texts[1]) == text.replace("\ud800", "?")  # rows hold no lone surrogates


def test_a_letter_escapes_what_it_says():
    html = render_letter("<b>", '<i>"x"').decode()
    assert not {"b", "i"} & set(Scripts(html).tags)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("192.168.1.5:3000", "http://192.168.1.5:5173"),
        ("[fe80::1]:3000", "http://[fe80::1]:5173"),
        ("box.local", "http://box.local:5173"),
        ('x"><script>', "http://127.0.0.1:5173"),
    ],
)
def test_a_vite_that_listens_everywhere_is_reached_by_the_name_of_the_page(host: str, origin: str) -> None:
    scope = {"headers": [(b"host", host.encode())]}
    assert _origin_seen_by(scope, "http://0.0.0.0:5173") == origin
    assert _origin_seen_by(scope, "http://[::]:5173") == origin
    assert _origin_seen_by(scope, "http://127.0.0.1:5173") == "http://127.0.0.1:5173"


async def test_an_app_of_actions_alone_has_no_page_in_production_either(tmp_path: Path) -> None:
    (tmp_path / "actions.py").write_text("")
    done = await Exchange(Pages(tmp_path, mode="production"), method="GET").finish()
    assert done.status == 404
    assert "page.tsx" in done.text
