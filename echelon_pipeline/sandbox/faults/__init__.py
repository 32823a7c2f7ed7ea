"""Injected faults.

faults.py       the fault plan, and faults of REST answers
bad_rows.py     rows that no parser can read
connections.py  faults of frames and connections
"""
