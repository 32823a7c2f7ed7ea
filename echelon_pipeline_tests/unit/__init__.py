"""One module at a time; no network but loopback, no disk but a temporary folder."""
