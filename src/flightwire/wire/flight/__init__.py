"""React Flight: rows, values, writer, reader and the decoder of calls."""
