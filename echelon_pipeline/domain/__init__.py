"""Pure functions on values: no network, no clock, no disk."""
