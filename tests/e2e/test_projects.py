"""An app inside somebody's project: their package.json, vite.config, PostCSS and .env files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.toolchain.packages import ensure_npm_folder

from .conftest import SERVERS, Files, Tab
from .running import Running, run_flightwire

PACKAGES = Path(__file__).parents[1] / "web" / "project"
SECRET = "sk-do-not-show-this"
APP: Files = {
    "page.tsx": """\
'use client';
import './globals.css';
import clsx from 'clsx';
import { useState } from 'react';
import { greet } from '@/actions';
import { STARTED } from 'virtual:started';
export default function Home() {
  const [greeting, setGreeting] = useState('');
  return <main>
    <h1 className={clsx('p-[7px]', { 'text-[#010203]': true })}>{STARTED} {import.meta.env.VITE_PLACE}</h1>
    <p>{String(import.meta.env.OPENAI_API_KEY)} {import.meta.env.MODE}</p>
    <button onClick={async () => setGreeting(await greet())}>greet</button>
    <output>{greeting}</output>
  </main>;
}
""",
    "actions.py": """\
import os
from flightwire import action

@action
async def greet() -> str:
    return " ".join(os.environ.get(name, "unset") for name in ("GREETING", "WHOLE", "FROM_SHELL"))
""",
    "layout.py": """\
from flightwire import Node, html

async def layout(children: Node) -> Node:
    return html.div(children, class_name="pl-[11px]")
""",
    "globals.css": '@import "tailwindcss";\n',
    ".env": f'OPENAI_API_KEY={SECRET}\nGREETING="Good\\tday" # to all\nVITE_PLACE=here\nFROM_SHELL=file\n',
    ".env.local": "WHOLE=${GREETING}!\n",
    ".env.production": "VITE_PLACE=there\n",
}
PLUGIN = """{
  name: 'started',
  resolveId: id => (id === 'virtual:started' ? id : undefined),
  load: id => (id === 'virtual:started' ? "export const STARTED = 'by a plugin';" : undefined),
}"""
TAILWIND = {
    "vite": {
        "../vite.config.ts": f"""\
import {{ defineConfig }} from 'vite';
import tailwindcss from '@tailwindcss/vite';
export default defineConfig({{ plugins: [tailwindcss(), {PLUGIN}] , envPrefix: 'OPENAI_' }});
"""
    },
    "postcss": {
        "postcss.config.mjs": "export default { plugins: { '@tailwindcss/postcss': {} } };\n",
        "vite.config.mjs": f"export default {{ plugins: [{PLUGIN}] }};\n",
    },
}


@pytest.fixture(scope="module", params=TAILWIND)
def project(
    request: pytest.FixtureRequest, mode: str, app_folder: Callable[[Files], Path]
) -> Iterator[Running]:
    """The app in a project whose packages are installed, served."""
    folder = app_folder({**APP, **TAILWIND[request.param]})
    (folder.parent / "package.json").write_text((PACKAGES / "package.json").read_text())
    (folder.parent / "node_modules").symlink_to(ensure_npm_folder(PACKAGES) / "node_modules")
    with SERVERS[mode](folder, {"FROM_SHELL": "shell", "FLIGHTWIRE_MODEL": "openai/x"}) as server:
        yield server


def test_packages_plugins_and_tailwind_are_the_projects_own(project: Running, mode: str, tab: Tab) -> None:
    tab.page.goto(project.url)
    place = "here" if mode == "development" else "there"
    tab.page.get_by_role("heading", name=f"by a plugin {place}").wait_for()
    style = "getComputedStyle(document.querySelector('h1'))"
    tab.page.wait_for_function(f"() => {style}.color === 'rgb(1, 2, 3)' && {style}.padding === '7px'")
    tab.page.wait_for_function(
        "() => getComputedStyle(document.querySelector('#root > div')).paddingLeft === '11px'"
    )
    assert tab.errors == []


def test_python_has_the_environment_in_development_alone(project: Running, mode: str, tab: Tab) -> None:
    tab.page.goto(project.url)
    tab.page.get_by_role("button").click()
    expected = "Good day Good day! shell" if mode == "development" else "unset unset shell"
    tab.page.wait_for_function("() => document.querySelector('output').textContent")
    assert tab.page.locator("output").inner_text().replace("\t", " ") == expected


def test_only_what_begins_with_vite_reaches_the_browser(project: Running, mode: str, tab: Tab) -> None:
    bodies: list[str] = []
    tab.page.on("response", lambda response: bodies.append(response.text()))
    tab.page.goto(project.url)
    tab.page.get_by_text(f"undefined {mode}").wait_for()
    assert len(bodies) > 2
    assert SECRET not in "".join(bodies)


def test_a_broken_config_is_a_letter(app_folder: Callable[[Files], Path]) -> None:
    folder = app_folder({"page.tsx": "export default () => null", "vite.config.ts": "export default {"})
    built = run_flightwire("build", str(folder))
    assert built.returncode == 1
    assert f"{folder}/vite.config.ts cannot be loaded" in built.stderr
    assert "Traceback" not in built.stderr


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        (
            'client_component("chart.tsx", "Chrat")',
            "chart.tsx exports no 'Chrat'; it exports Chart. Did you mean 'Chart'?",
        ),
        (
            'client_component("chrat.tsx", "Chart")',
            "there is no file chrat.tsx in the app. Did you mean 'chart.tsx'?",
        ),
        ('client_component("plain.tsx", "Plain")', "plain.tsx does not begin with 'use client'"),
    ],
)
def test_a_component_that_is_not_there_is_a_letter(
    app_folder: Callable[[Files], Path], tab: Tab, component: str, expected: str
) -> None:
    folder = app_folder(
        {
            "page.py": f"from flightwire import client_component\n\nChart = {component}\n\ndef page(): return 'hi'\n",
            "chart.tsx": "'use client';\nexport function Chart() { return null; }",
            "plain.tsx": "export function Plain() { return null; }",
        }
    )
    built = run_flightwire("build", str(folder))
    assert built.returncode == 1
    assert f"page.py, line 3: {expected}" in built.stderr
    with SERVERS["development"](folder, {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        tab.page.goto(server.url)
        said = tab.page.get_by_role("alertdialog").inner_text()
        assert expected in said
        assert "page.py:3" in said
