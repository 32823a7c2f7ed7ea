"""The sandbox as a server: options, clock, routes, sockets, limits, control.

app.py               the application: routes and layers
run.py               runs it until a signal
process.py           a sandbox in a process of its own
stepped.py           a recording in the time of a sandbox
options.py           options
clock.py             the clock
wire.py              values on the wire, and answers that all routes share
limits.py            the venues' request limits
keys.py              signed handshakes
sockets.py           WebSocket routes
protocol.py          the server's WebSocket protocol, with ways to fail
hub.py               all connections under one clock
sessions.py          outgoing frames, and the protocol of a session
account_frames.py    private messages of an account
playback.py          plays recorded streams
control.py           control routes: health, clock, faults, counts
control_account.py   control routes: the account
control_ws.py        control routes: connections
"""
