"""One suite per rule, each on an input that is as small as it can be.

Belongs here: ``test_<number>_<rule>.py``, an input of users' data or machines with its right result. Files lie beside
the checkout (``../shared/cases/2026-11``); a test that reads one skips where it is absent.
"""
