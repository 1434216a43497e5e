"""Models behind one contract, one file per API."""
