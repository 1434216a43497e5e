"""A browser without a browser, and models that follow a script."""
