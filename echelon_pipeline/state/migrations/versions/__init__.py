"""The revisions, oldest first. 0001 to 0005 are what was once numbered by hand in the table ``migrations``.

v0001_leases.py           leases, publications
v0002_listeners.py        listeners and what each watched
v0003_own_and_quotes.py   what a listener records in addition to books
v0004_run_heartbeats.py   runs of other machines
v0005_rebuilt_tables.py   numbers of publications, tables rebuilt on purpose
v0006_holders.py          processes that hold leases, one listener per instrument
v0007_alerts.py           alerts
"""
