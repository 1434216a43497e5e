"""A browser without a browser, models that follow a script, and recorded providers.

Each is imported when it is asked for: a test that needs a model loads no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flightwire.testing.client import ActionClient
    from flightwire.testing.models import ScriptedModel, simulate_stream
    from flightwire.testing.recording import record, recorded, replay
    from flightwire.testing.scripts import Reply, tool_call
    from flightwire.testing.upstream import ScriptedUpstream

__all__ = [
    "ActionClient",
    "Reply",
    "ScriptedModel",
    "ScriptedUpstream",
    "record",
    "recorded",
    "replay",
    "simulate_stream",
    "tool_call",
]


if not TYPE_CHECKING:  # type checkers would believe that any name is here

    def __getattr__(name: str) -> object:
        """Import on demand."""
        if name == "ActionClient":
            from flightwire.testing.client import ActionClient

            return ActionClient
        if name in ("ScriptedModel", "simulate_stream"):
            from flightwire.testing import models

            return getattr(models, name)
        if name in ("Reply", "tool_call"):
            from flightwire.testing import scripts

            return getattr(scripts, name)
        if name == "ScriptedUpstream":
            from flightwire.testing.upstream import ScriptedUpstream

            return ScriptedUpstream
        if name in ("record", "recorded", "replay"):
            from flightwire.testing import recording

            return getattr(recording, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
