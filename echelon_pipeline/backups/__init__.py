"""Backups of a home, and their restoration.

    layout.py       names and lists of backups, the list of files with sizes and checksums
    copying.py      copies files, links files that the last backup has
    tables.py       pins one set of table versions and copies it
    recordings.py   copies recorded segments while listeners write
    take.py         takes a backup
    restore.py      restores a home from a backup

A backup is a folder of plain files that needs no tool to be read. It is taken while the pipeline runs and listeners
record. It appears under its name only when it is whole.
"""
