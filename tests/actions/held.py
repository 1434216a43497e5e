"""A base for the dataclasses of a test in another module."""

from __future__ import annotations

import dataclasses
from decimal import Decimal as Exact
from typing import Generic, TypeVar

from flightwire.wire.flight.values import File as Upload

T = TypeVar("T")


@dataclasses.dataclass
class Held(Generic[T]):
    value: Exact
    item: T
    upload: Upload | None = None
