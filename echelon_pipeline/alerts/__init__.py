"""Alerts to people: one function records an alert and delivers it to the configured destinations.

    alert.py          what an alert says, without secrets
    delivery.py       recording, repetition, bounded retries
    destinations.py   a webhook, a mail server

Belongs here: how an alert reaches a person. What deserves one is decided by the caller: the sensors of ``defs/`` for
failed runs and checks. ``raise_alert`` is the only way in.
"""
