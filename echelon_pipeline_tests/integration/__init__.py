"""Whole runs against the sandbox: several processes, real files."""
