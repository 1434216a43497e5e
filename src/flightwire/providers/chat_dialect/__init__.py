"""What APIs that look like OpenAI's chat completions share: requests, answers, streams.

Owns: the dialect of https://platform.openai.com/docs/api-reference/chat and of those who copy it.
Refuses to know: which provider speaks it; where they differ, a `ChatProfile` says so.
"""

from flightwire.providers.chat_dialect.model import ChatModel, Endpoint
from flightwire.providers.chat_dialect.profile import ChatProfile

__all__ = ["ChatModel", "ChatProfile", "Endpoint"]
