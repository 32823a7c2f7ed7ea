"""What every server process of ours needs, whatever it serves.

ports.py         whether it can listen on a port
attended.py      a server that ends with its parent process
same_origin.py   pages of other sites cannot use it through a visitor's browser
"""
