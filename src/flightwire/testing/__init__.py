"""A browser without a browser, and models that follow a script.

Each is imported when it is asked for: a test that needs a model loads no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flightwire.testing.client import ActionClient
    from flightwire.testing.models import ScriptedModel
    from flightwire.testing.upstream import ScriptedUpstream

__all__ = ["ActionClient", "ScriptedModel", "ScriptedUpstream"]


if not TYPE_CHECKING:  # type checkers would believe that any name is here

    def __getattr__(name: str) -> object:
        """Import on demand."""
        if name == "ActionClient":
            from flightwire.testing.client import ActionClient

            return ActionClient
        if name == "ScriptedModel":
            from flightwire.testing.models import ScriptedModel

            return ScriptedModel
        if name == "ScriptedUpstream":
            from flightwire.testing.upstream import ScriptedUpstream

            return ScriptedUpstream
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
