"""What a production build leaves on the disk."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from flightwire.server.build import Build
from flightwire.server.vite import build

from .conftest import AppFolder

pytestmark = pytest.mark.anyio

PAGE = "export default function Home() { return <p>hello</p>; }"


async def test_scripts_are_compressed_once_and_read_as_forms_of_their_file(
    app: AppFolder, toolchain: dict[str, Path], tmp_path: Path
):
    app.write("page.tsx", PAGE)
    app.declare()
    out = app.path / ".flightwire" / "build"
    await build(app.path, out, **toolchain)
    built = Build.load(out)
    script = built.files[built.script]
    assert gzip.decompress(script.encoded["gzip"].read_bytes()) == script.path.read_bytes()
    assert unbrotli(script.encoded["br"], toolchain["node"]) == script.path.read_bytes()
    assert not [name for name in built.files if name.endswith((".br", ".gz"))]
    assert json.loads((out / "manifest.json").read_text())["entry"]["file"] == built.script


def unbrotli(path: Path, node: Path) -> bytes:
    program = "process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))"
    return subprocess.run([node, "-e", program, path], capture_output=True, check=True).stdout
