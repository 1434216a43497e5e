"""The whole path, in a real browser."""
