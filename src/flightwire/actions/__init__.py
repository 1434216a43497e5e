"""Python functions that a page may call: registry, argument schemas, app folders. No HTTP."""
