"""The ASGI app: pages and actions."""
