"""What an answer is based on.

Owns: sources in `groundingMetadata`. Refuses to know: streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flightwire.events import Source
from flightwire.jsontypes import JSONObject, JSONValue

__all__ = ["Sources"]

_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".doc": "application/msword",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
_UNKNOWN = "Unknown Document"


class Sources:
    """Gives each source once when `only_new`."""

    def __init__(self, new_id: Callable[[], str], *, only_new: bool) -> None:
        self._new_id = new_id
        self._only_new = only_new
        self._seen: set[tuple[str, ...]] = set()

    def read(self, grounding: JSONValue) -> Iterator[Source]:
        """The sources."""
        chunks = grounding.get("groundingChunks") if isinstance(grounding, Mapping) else None
        for chunk in chunks if isinstance(chunks, list) else ():
            found = self._source(chunk) if isinstance(chunk, Mapping) else None
            if found is None:
                continue
            key, source = found
            if not (self._only_new and key in self._seen):
                self._seen.add(key)
                yield source

    def _source(self, chunk: JSONObject) -> tuple[tuple[str, ...], Source] | None:
        for name, field in (("web", "uri"), ("image", "sourceUri"), ("maps", "uri")):
            if isinstance(found := chunk.get(name), Mapping):
                return self._address(found.get(field), found.get("title"))
        context = chunk.get("retrievedContext")
        return self._retrieved(context) if isinstance(context, Mapping) else None

    def _address(self, url: JSONValue, title: JSONValue) -> tuple[tuple[str, ...], Source] | None:
        if not isinstance(url, str) or not url:
            return None
        title = title if isinstance(title, str) else None
        return ("url", url), Source("url", self._new_id(), url=url, title=title)

    def _retrieved(self, context: JSONObject) -> tuple[tuple[str, ...], Source] | None:
        uri, store, title = context.get("uri"), context.get("fileSearchStore"), context.get("title")
        if isinstance(uri, str) and uri.startswith(("http://", "https://")):
            return self._address(uri, title)
        title = title if isinstance(title, str) else _UNKNOWN
        if isinstance(uri, str) and uri:
            ending = next((ending for ending in _MEDIA_TYPES if uri.endswith(ending)), "")
            media_type = _MEDIA_TYPES.get(ending, "application/octet-stream")
            return ("document", uri), self._document(title, media_type, uri)
        if isinstance(store, str) and store:
            source = self._document(title, "application/octet-stream", store)
            return ("file-search", store, title), source
        return None

    def _document(self, title: str, media_type: str, path: str) -> Source:
        return Source(
            "document", self._new_id(), title=title, media_type=media_type, filename=path.rpartition("/")[2]
        )
