"""Streamable values: what an action returns while it is still being made."""
