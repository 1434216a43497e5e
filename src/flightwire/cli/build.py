"""`flightwire build`: pages compiled for production.

Owns: what is built from, and where it goes. Refuses to know: how pages are compiled.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AppLoadError
from ..toolchain.node import find_or_install_node
from ..toolchain.packages import ensure_packages, web_root
from ..toolchain.progress import step
from .dev import Folder
from .folders import CommandError, check_app_folder, has_page

if TYPE_CHECKING:
    from ..actions.folder import AppFolder

STATE_FOLDER = ".flightwire"
BUILD_FOLDER = "build"


def build(folder: Folder) -> None:
    """Compile the pages of an app into its .flightwire/build, for `flightwire start`."""
    shown = folder
    folder = check_app_folder(folder)
    if not has_page(folder):
        raise CommandError(
            f"{shown} has no page.tsx, so there is nothing to build. Actions alone need no build."
        )
    from ..actions.folder import load_folder
    from ..server.auth import users_of_folder

    app = load_folder(folder, users=users_of_folder)
    app.prepare()
    app.write_state(folder / STATE_FOLDER)
    compile_pages(folder)
    _check(app)
    print(f"Built {shown}. Serve it: flightwire start {shown}")


def compile_pages(folder: Path) -> None:
    """Build what the app folder holds now.

    Raises:
        ToolchainError: Node is missing or a page cannot be compiled.
    """
    from ..server import vite

    node, tools = find_or_install_node(), ensure_packages()
    with step(f"Building {folder.name}"):
        out = folder / STATE_FOLDER / BUILD_FOLDER
        asyncio.run(vite.build(folder, out, node=node, tools=tools, plugin=web_root() / "vite-plugin"))


def _check(app: AppFolder) -> None:
    """See that Python and the build fit together.

    Raises:
        AppLoadError: they do not.
    """
    from ..server.build import MANIFEST_FILE, Build
    from ..server.pages import check_build

    out = app.folder / STATE_FOLDER / BUILD_FOLDER
    try:
        check_build(app, Build.load(out))
    except AppLoadError:
        (out / MANIFEST_FILE).unlink(missing_ok=True)  # nobody is to serve it
        raise
