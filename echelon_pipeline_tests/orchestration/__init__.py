"""Dagster wiring and the import graph."""
