"""The `flightwire` command: where concrete things are chosen."""
