"""Streaming AI interfaces served from Python: React server actions, streamable values and generative UI."""
