"""A third venue of the tests' own: proof that a venue is one folder and one registration.

venue.py    its registration, settings and stream
rest.py     client and feeds
stream.py   what its frames say
server.py   the venue itself, on loopback
sql/        its statements
"""
