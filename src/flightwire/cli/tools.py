"""What a command needs that is not Python, and the model that will answer.

Owns: getting these before a server starts, so that the wait has a name. Refuses to know: how each is got.
"""

from __future__ import annotations

import logging
import os

from .._frozen import value
from ..errors import FlightwireError
from ..providers.base import LanguageModel
from ..providers.registry import default_model
from ..toolchain.models import ensure_model
from ..toolchain.node import find_or_install_node
from ..toolchain.packages import ensure_packages
from .letters import print_warning

__all__ = ["Answering", "prepare_model", "prepare_pages"]

log = logging.getLogger("flightwire.cli")


@value
class Answering:
    """Which model answers when an action names none.

    Attributes:
        model: `None` when there is none.
        reason: why this one, or why none.
    """

    model: LanguageModel | None
    reason: str

    def __str__(self) -> str:
        """One line for the terminal."""
        if self.model is None:
            return f"none, {self.reason}"
        return f"{name_of(self.model)}, {self.reason}"

    async def warm_up(self) -> None:
        """Load a local model now, so that the first answer comes fast."""
        begin = getattr(self.model, "warm_up", None)
        if begin is None:
            return
        try:
            await begin()
        except FlightwireError as error:
            log.warning("%s", error)


def name_of(model: LanguageModel) -> str:
    """The model as one writes it: `openai/gpt-5.4-mini`."""
    return f"{model.provider.partition('.')[0]}/{model.model_id}"


def prepare_pages() -> None:
    """Get Node and the npm packages.

    Raises:
        ToolchainError: they cannot be installed.
    """
    find_or_install_node()
    ensure_packages()


def prepare_model() -> Answering:
    """Choose the default model, and fetch its file when it runs here.

    Raises:
        FlightwireError: FLIGHTWIRE_MODEL asks for a model that cannot answer. Without it, that is a warning: an app may
            name its models itself, or need none.
    """
    try:
        model, reason = default_model()
        if model.provider == "local":
            ensure_model(model.model_id)
    except FlightwireError as error:
        if os.environ.get("FLIGHTWIRE_MODEL"):
            raise
        print_warning(f"No model answers by default: {error}")
        return Answering(None, "see the warning above")
    return Answering(model, reason)
