"""`flightwire doctor`: an installation, explained.

Owns: how findings are shown, the exit code. Refuses to know: what is looked at (findings.py).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..server.routes import is_page
from .findings import Finding, examine

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FOLDER]", help="An app, to look at as well; by default this folder, or app/ in it."
    ),
]
Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Where the app would listen.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]

EXAMPLES = """\b
Examples:
  flightwire doctor
  flightwire doctor app/ --json
\b
Nothing is installed, changed or asked over the network; keys are named, never shown. Exit code 1 when something fails.
"""
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(folder: Folder = None, port: Port = 3000, as_json: AsJson = False) -> None:
    """Explain this installation: what is there, what is missing, and what to type."""
    findings = examine(_app_here() if folder is None else folder.absolute(), port)
    is_well = not any(finding.status == "fail" for finding in findings)
    if as_json:
        print(json.dumps({"ok": is_well, "checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings)
    if not is_well:
        raise typer.Exit(1)


def _app_here() -> Path | None:
    here = Path.cwd()
    return next((place for place in (here, here / "app") if _is_app(place)), None)


def _is_app(folder: Path) -> bool:
    return folder.is_dir() and any(
        is_page(each.name) or each.name == "actions.py" for each in folder.iterdir()
    )


def _show(findings: list[Finding]) -> None:
    console = Console(file=sys.stdout)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (f"{finding.status:<5}", STYLES[finding.status]),
            (f"{finding.name:<{width}}  ", "dim"),
            finding.says,
        )
        console.print(line, soft_wrap=True, highlight=False)
        if finding.fix:
            console.print(
                Text(f"{' ' * (7 + width)}→ {finding.fix}", "cyan"), soft_wrap=True, highlight=False
            )
