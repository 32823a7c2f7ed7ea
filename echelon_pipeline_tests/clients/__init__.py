"""Third-party clients that read the sandbox.

Belongs here: scripts that run in the environment of ``requirements-clients.lock``, separate from the project's, and
print one JSON object of counts. ``integration/test_sandbox_clients.py`` starts them.
"""
