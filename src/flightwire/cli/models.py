"""`flightwire models`: the models that run on this machine.

Owns: listing and fetching them. Refuses to know: how they are run.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ..toolchain.models import DEFAULT_MODEL, KNOWN_MODELS, ensure_model, is_installed

cli = typer.Typer(
    help="The models that run on this machine, without a key.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="Its name, as `flightwire models list` shows it.")]


@cli.command("list")
def list_models() -> None:
    """List the models that have a name; any GGUF file works too, as local/path/to.gguf."""
    for name, model in sorted(KNOWN_MODELS.items()):
        state = str(model.file) if is_installed(model) else "not here yet: flightwire models pull " + name
        print(f"local/{name}  {model.title}, {model.size_bytes // 1_000_000} MB, {model.license}\n  {state}")


@cli.command()
def pull(name: Name = DEFAULT_MODEL) -> None:
    """Fetch a model's file and check its hash; nothing when it is here already."""
    print(ensure_model(name))
