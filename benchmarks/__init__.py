"""Benchmarks: one script per figure; see README.md here."""
