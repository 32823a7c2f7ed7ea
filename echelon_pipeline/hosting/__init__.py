"""The parts that every server process needs.

ports.py         checks that a server can listen on a port
parent_watch.py  a server that ends with its parent process
json_lines.py    log records as JSON, one per line
same_origin.py   refuses requests from pages of other sites
"""
