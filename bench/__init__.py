"""What a streamed token costs, measured. Start with `make bench`; the method is in docs/performance.md."""
