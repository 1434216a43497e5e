"""Folders as people have them: odd names, configuration of other tools, style sheets, images."""

from __future__ import annotations

import base64

import pytest

from .conftest import AppFolder, Tab

pytestmark = pytest.mark.browser

MODES = pytest.mark.parametrize("mode", ["development", "production"])
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGE = "export default function Home() { return <p>hello</p>; }"


@pytest.fixture(params=["my shop", "shop [draft]", "магазин", "node_modules_of_mine", "100%"])
def odd(request: pytest.FixtureRequest, tmp_path, app: AppFolder) -> AppFolder:
    app.path = tmp_path / request.param
    app.write(
        "page.tsx", "import { Title } from './parts/title';\nimport { go } from './actions';\n" + ODD_PAGE
    )
    app.write("parts/title.tsx", "'use client';\nexport function Title() { return <h1>hello</h1>; }")
    app.write("actions.py", "")
    app.declare("go")
    return app


ODD_PAGE = "export default function Home() { return <main onClick={() => go()}><Title /></main>; }"


@MODES
def test_the_name_of_the_folder_does_not_matter(odd, serve, tab: Tab, mode):
    with serve(mode) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("heading", name="hello").wait_for()
    assert tab.console == []


@MODES
def test_style_sheets_modules_and_images_arrive_under_a_prefix(app, serve, tab: Tab, mode):
    app.write("page.css", "p { color: rgb(1, 2, 3) }")
    app.write("box.module.css", ".box { padding: 7px; background: url(./dot.png) }")
    (app.path / "dot.png").write_bytes(PIXEL + b"\0" * 5000)  # too large to be inlined
    app.write(
        "page.tsx",
        """
        import './page.css';
        import styles from './box.module.css';
        import dot from './dot.png';
        export default function Home() { return <p className={styles.box}>hello <img src={dot} /></p>; }
        """,
    )
    with serve(mode, prefix="/x/y") as server:
        tab.page.goto(server.url)
        tab.page.locator("p").wait_for()
        tab.page.wait_for_function(
            "() => getComputedStyle(document.querySelector('p')).color === 'rgb(1, 2, 3)'"
        )
        assert tab.page.evaluate("getComputedStyle(document.querySelector('p')).padding") == "7px"
        tab.page.wait_for_function("() => document.querySelector('img').naturalWidth === 1")
    assert tab.console == []


@MODES
def test_the_configuration_of_a_next_project_does_no_harm(app, serve, tab: Tab, mode):
    app.write("page.tsx", PAGE)
    app.write("layout.tsx", "import 'next/font/google';\nexport default function Layout() { return null }")
    app.write("next.config.js", "module.exports = { reactStrictMode: true }")
    app.write(
        "tsconfig.json",
        '{"compilerOptions": {"jsx": "preserve", "verbatimModuleSyntax": true, "plugins": [{"name": "next"}]}}',
    )
    with serve(mode) as server:
        tab.page.goto(server.url)
        tab.page.get_by_text("hello").wait_for()
    assert tab.console == []


@MODES
def test_types_imported_without_the_word_type_are_undefined_when_a_tsconfig_keeps_them(
    app, serve, tab: Tab, mode
):
    app.write("tsconfig.json", '{"compilerOptions": {"jsx": "preserve", "verbatimModuleSyntax": true}}')
    app.write("actions.py", "")
    app.declare("go", types=("Message",))
    app.write(
        "page.tsx",
        """
        import { Message, go } from './actions';
        export default function Home() { const m: Message[] = []; return <p>hello {m.length} {typeof go}</p>; }
        """,
    )
    with serve(mode) as server:
        tab.page.goto(server.url)
        tab.page.get_by_text("hello 0 function").wait_for()
    assert tab.console == []


def test_zod_and_the_ai_package_come_from_the_tool_folder(app, serve, tab: Tab):
    app.write(
        "page.tsx",
        """
        import { z } from 'zod';
        import { generateId } from 'ai';
        export default function Home() {
          return <p>{z.string().parse('parsed')} {generateId().length}</p>;
        }
        """,
    )
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_text("parsed 16").wait_for()
    assert tab.console == []
