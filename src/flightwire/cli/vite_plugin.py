"""`flightwire vite-plugin`: the plugin for a Vite project of one's own.

Owns: where the package goes, and what is printed. Refuses to know: what is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..toolchain.npm_package import pack_vite_plugin

Out = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Where the package is written: commit it with your project.")
]

EXAMPLES = """\b
Examples, in the folder of your package.json:
  npm install --save-dev "$(flightwire vite-plugin)"
\b
Then, in vite.config.ts:
  import { flightwire } from '@flightwire/vite-plugin';
  plugins: [react(), flightwire({ app: '../backend/app', server: 'http://localhost:8000' })]
\b
and in your pages:
  import { continueConversation } from '../../backend/app/actions';
"""


def vite_plugin(out: Out = Path()) -> None:
    """Write the Vite plugin as an npm package and print its path; for projects that have a vite.config of their own."""
    print(pack_vite_plugin(out.absolute()))
