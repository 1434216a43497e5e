"""What a production build offers: which exports of which client modules, and what the browser loads to have them.

Owns: the check that a client reference exists in the build. Refuses to know: where the manifest file is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flightwire.elements import ClientReference
from flightwire.errors import EncodeError


class Manifest:
    """The client modules of a build: module id → (exports, chunks).

    Args:
        modules: for each module id, the names it exports and the chunk pairs `[id, file, id, file, …]` that the browser's
            `__webpack_chunk_load__` gets.
    """

    __slots__ = ("_modules",)

    def __init__(self, modules: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> None:
        self._modules = {
            module_id: (frozenset(exports), tuple(chunks)) for module_id, (exports, chunks) in modules.items()
        }

    @classmethod
    def from_json(cls, document: Any) -> Manifest:
        """Read `{"modules": {module id: {"exports": […], "chunks": […]}}}`.

        Raises:
            ValueError: the document has another shape.
        """
        try:
            modules = document["modules"].items()
            return cls({module_id: (entry["exports"], entry["chunks"]) for module_id, entry in modules})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a manifest of client modules: {error!r}") from None

    def resolve(self, reference: ClientReference) -> ClientReference:
        """The reference as the build has it, with its chunks.

        Raises:
            EncodeError: the build has no such module, or the module no such export.
        """
        known = self._modules.get(reference.module_id)
        if known is None:
            raise EncodeError(
                f"<{reference.name}> comes from '{reference.module_id}', which is not in the build; "
                "build again, and check the path of the component"
            )
        exports, chunks = known
        if reference.name not in exports and "*" not in exports:
            raise EncodeError(
                f"'{reference.module_id}' exports no '{reference.name}'; it has {', '.join(sorted(exports))}"
            )
        return ClientReference(reference.module_id, reference.name, chunks)
