"""Middleware: what stands between a call and the model that answers it."""

from flightwire.core.middleware.base import LanguageModelMiddleware, as_middlewares, wrap_language_model
from flightwire.core.middleware.calls import (
    DefaultSettings,
    add_tool_input_examples_middleware,
    default_instructions_middleware,
    default_settings_middleware,
)
from flightwire.core.middleware.extract_json import extract_json_middleware
from flightwire.core.middleware.extract_reasoning import extract_reasoning_middleware
from flightwire.core.middleware.simulate_streaming import simulate_streaming_middleware

__all__ = [
    "DefaultSettings",
    "LanguageModelMiddleware",
    "add_tool_input_examples_middleware",
    "as_middlewares",
    "default_instructions_middleware",
    "default_settings_middleware",
    "extract_json_middleware",
    "extract_reasoning_middleware",
    "simulate_streaming_middleware",
    "wrap_language_model",
]
