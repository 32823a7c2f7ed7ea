"""Statements of ``sql/`` on small tables."""
