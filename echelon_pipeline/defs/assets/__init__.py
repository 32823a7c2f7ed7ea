"""One module per kind of asset; each venue gets its own keys from the same factory."""
