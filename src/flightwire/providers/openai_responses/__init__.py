"""OpenAI's Responses API.

Owns: https://platform.openai.com/docs/api-reference/responses: what is asked, and what its items and events mean.
Refuses to know: addresses and keys.
"""

from flightwire.providers.openai_responses.api import OpenAIResponses
from flightwire.providers.openai_responses.options import OpenAIResponsesOptions

__all__ = ["OpenAIResponses", "OpenAIResponsesOptions"]
