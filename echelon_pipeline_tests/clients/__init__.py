"""Third-party clients that read the sandbox, and older versions of DuckDB that read the published file.

Belongs here: scripts that run in environments separate from the project's and print one JSON object. Those of the
sandbox run in the environment of ``requirements-clients.lock`` (``integration/test_sandbox_clients.py``);
``duckdb_client.py`` runs in one for each lock in ``duckdb/`` (``integration/test_duckdb_clients.py``).
"""
