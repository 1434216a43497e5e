"""Tools that Google runs itself, as users name them: `google.tools.google_search()`.

Owns: one function per tool, with its settings. Refuses to know: requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightwire.jsontypes import JSONValue
from flightwire.providers.base import ProviderToolSpec

__all__ = ["GoogleTools"]


class GoogleTools:
    """Makes tools; `name` is what calls of them are named."""

    def google_search(
        self,
        *,
        search_types: Mapping[str, Mapping[str, JSONValue]] | None = None,
        time_range_filter: Mapping[str, str] | None = None,
        name: str = "google_search",
    ) -> ProviderToolSpec:
        """Search the web; what was found is the answer's sources."""
        return _tool("google_search", name, searchTypes=search_types, timeRangeFilter=time_range_filter)

    def enterprise_web_search(self, *, name: str = "enterprise_web_search") -> ProviderToolSpec:
        """Search the web by the rules of companies."""
        return _tool("enterprise_web_search", name)

    def google_maps(self, *, name: str = "google_maps") -> ProviderToolSpec:
        """Look at Google Maps."""
        return _tool("google_maps", name)

    def url_context(self, *, name: str = "url_context") -> ProviderToolSpec:
        """Read the addresses in the messages."""
        return _tool("url_context", name)

    def file_search(
        self,
        *,
        file_search_store_names: Sequence[str],
        top_k: int | None = None,
        metadata_filter: str | None = None,
        name: str = "file_search",
    ) -> ProviderToolSpec:
        """Search files in Google's stores."""
        stores = list(file_search_store_names)
        return _tool(
            "file_search", name, fileSearchStoreNames=stores, topK=top_k, metadataFilter=metadata_filter
        )

    def code_execution(self, *, name: str = "code_execution") -> ProviderToolSpec:
        """Run Python."""
        return _tool("code_execution", name)

    def vertex_rag_store(
        self, *, rag_corpus: str, top_k: int | None = None, name: str = "vertex_rag_store"
    ) -> ProviderToolSpec:
        """Search a corpus of Vertex AI."""
        return _tool("vertex_rag_store", name, ragCorpus=rag_corpus, topK=top_k)


def _tool(key: str, name: str, **settings: JSONValue) -> ProviderToolSpec:
    args = {setting: value for setting, value in settings.items() if value is not None}
    return ProviderToolSpec(f"google.{key}", name, args)
