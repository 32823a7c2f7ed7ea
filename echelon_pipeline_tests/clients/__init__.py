"""Clients that nobody here wrote, talking to the sandbox.

Belongs here: scripts that run in the environment of ``requirements-clients.lock``, apart from ours, and
print one JSON object of counts. ``integration/test_sandbox_clients.py`` starts them.
"""
