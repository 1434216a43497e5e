"""What APIs that look like OpenAI's Responses API share: the events of a stream, and how they are read.

Owns: https://platform.openai.com/docs/api-reference/responses-streaming as far as everybody follows it. Refuses to know:
which provider speaks it, and what its items mean.
"""

from flightwire.providers.responses_dialect.events import Event, ResponseInfo
from flightwire.providers.responses_dialect.model import ResponsesAPI, ResponsesModel
from flightwire.providers.responses_dialect.reader import ResponsesReader

__all__ = ["Event", "ResponseInfo", "ResponsesAPI", "ResponsesModel", "ResponsesReader"]
