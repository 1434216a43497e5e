"""Codecs: bytes in, values out. Pure: no clock, loop, randomness or sockets."""
