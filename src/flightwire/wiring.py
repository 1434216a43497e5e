"""What one room is handed by another that it must not know.

Owns: the places where the front door puts them. Refuses to know: what is put there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

resolve_model: Callable[[str | None], Any] | None = None
"""Finds a model by its name; None is the default model."""

make_download: Callable[[], Any] | None = None
"""Makes what fetches files where a call says `download=True`."""
