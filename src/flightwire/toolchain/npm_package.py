"""The Vite plugin as an npm package, for projects that have a `vite.config` of their own.

Owns: what is in the package. Refuses to know: who installs it.

It holds the browser runtime and React's Flight client, so that `npm install` of this one file is all: the Flight client's own
package asks for webpack, which nobody needs here.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ..errors import ToolchainError
from .packages import ensure_packages, web_root

__all__ = ["pack_vite_plugin"]

FLIGHT = "react-server-dom-webpack"
FLIGHT_FILES = (
    "LICENSE",
    "package.json",
    "client.browser.js",
    f"cjs/{FLIGHT}-client.browser.development.js",
    f"cjs/{FLIGHT}-client.browser.production.js",
)
OUR_PROGRAMS = ("build.mjs", "dev.mjs", "run.mjs", "package.json", "tsconfig.json")  # not for others to run


def pack_vite_plugin(folder: Path) -> Path:
    """Write `flightwire-vite-plugin-VERSION.tgz` into a folder and give its path; the same content makes the same bytes.

    Raises:
        ToolchainError: npm packages cannot be installed, or the folder cannot be written to.
    """
    target = folder / f"flightwire-vite-plugin-{npm_version()}.tgz"
    files = dict(sorted(_files(web_root(), ensure_packages() / "node_modules" / FLIGHT)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_archive(files))
    except OSError as error:
        raise ToolchainError(f"{target} cannot be written: {error.strerror}.") from error
    return target


def npm_version() -> str:
    """Our version as npm writes it: `0.1.0.dev0` is `0.1.0-dev0`."""
    return version("flightwire").replace(".dev", "-dev")


def _files(web: Path, flight: Path) -> Iterator[tuple[str, bytes]]:
    plugin = web / "vite-plugin"
    manifest = json.loads((plugin / "package.json").read_bytes())
    manifest["version"] = npm_version()
    del manifest["private"]
    yield "package.json", (json.dumps(manifest, indent=2) + "\n").encode()
    for path in plugin.iterdir():
        if path.suffix in (".mjs", ".ts") and path.name not in OUR_PROGRAMS:
            yield path.name, path.read_bytes()
    for path in (web / "client").glob("*.ts"):
        yield f"client/{path.name}", path.read_bytes()
    for name in FLIGHT_FILES:
        yield f"vendor/{FLIGHT}/{name}", (flight / name).read_bytes()


def _archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)
