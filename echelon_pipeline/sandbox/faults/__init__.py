"""What goes wrong on purpose.

faults.py      which faults hit which answers
spoiling.py    rows that no parser can read
transport.py   faults of frames and connections
"""
