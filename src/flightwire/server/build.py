"""A production build of the pages, as it lies on disk.

Owns: reading `manifest.json`, and which files may be served. Refuses to know: how it was made, HTML, headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flightwire.errors import FlightwireError
from flightwire.server.static import ENCODINGS, StaticFile
from flightwire.wire.flight.manifest import Manifest

MANIFEST_FILE = "manifest.json"
ASSETS_FOLDER = "assets"


class BuildError(FlightwireError):
    """There is no build that could be served."""


class Build:
    """What a build offers.

    Attributes:
        manifest: the client modules, for the Flight writer.
        script: the path of the script that starts a page, relative to the build.
        files: every asset by its path relative to the build; nothing else is served.
    """

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None:
        self.manifest = Manifest.from_json(document)
        self.script: str = document["entry"]["file"]
        self.files = _assets(folder)
        self._document = document

    @classmethod
    def load(cls, folder: Path) -> Build:
        """Read the build in this folder.

        Raises:
            BuildError: there is none, or another version made it.
        """
        try:
            document = json.loads((folder / MANIFEST_FILE).read_bytes())
            if document["version"] != 1:
                raise ValueError(f"version {document['version']}")
            return cls(folder, document)
        except FileNotFoundError:
            raise BuildError(f"There is no build in {folder}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BuildError(f"{folder / MANIFEST_FILE} cannot be read: {error}.") from error

    def preloads(self, *modules: str) -> list[str]:
        """The scripts that these modules need besides the first, relative to the build."""
        files = [
            *self._document["entry"]["js"],
            *(file for each in modules for file in self._module(each).get("js", ())),
        ]
        return [file for file in dict.fromkeys(files) if file != self.script]

    def styles(self, *modules: str) -> list[str]:
        """The style sheets of these modules, relative to the build."""
        files = [
            *self._document["entry"]["css"],
            *(file for each in modules for file in self._module(each).get("css", ())),
        ]
        return list(dict.fromkeys(files))

    @property
    def modules(self) -> list[str]:
        """The client modules, by their paths in the app folder."""
        return list(self._document["modules"])

    @property
    def exports(self) -> dict[str, list[str]]:
        """What each client module exports."""
        return {module: entry["exports"] for module, entry in self._document["modules"].items()}

    def page_facts(self, page: str) -> Mapping[str, Any]:
        """What the page exports for the server."""
        facts: Mapping[str, Any] = self._document["pages"].get(page, {})
        return facts

    def _module(self, page: str) -> Mapping[str, Any]:
        module: Mapping[str, Any] = self._document["modules"].get(page, {})
        return module


def _assets(folder: Path) -> dict[str, StaticFile]:
    found = [path for path in (folder / ASSETS_FOLDER).rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        path.relative_to(folder).as_posix(): StaticFile.find(path)
        for path in sorted(found)
        if path.suffix not in ENCODINGS.values()  # forms of other files, sent under their names
    }
