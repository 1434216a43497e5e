"""generate_text and stream_text: one log, many readers, cancellable."""
