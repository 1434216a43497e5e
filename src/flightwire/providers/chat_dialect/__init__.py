"""What APIs that look like OpenAI's chat completions share: requests, answers, streams.

Owns: the dialect of https://platform.openai.com/docs/api-reference/chat and of those who copy it.
Refuses to know: which provider speaks it; where they differ, each has a `ChatDialect` of its own.
"""

from flightwire.providers.chat_dialect.dialect import ChatDialect
from flightwire.providers.chat_dialect.messages import MessageWriter
from flightwire.providers.chat_dialect.model import ChatModel, Endpoint

__all__ = ["ChatDialect", "ChatModel", "Endpoint", "MessageWriter"]
