"""Recorded payloads in, parsed rows out."""
