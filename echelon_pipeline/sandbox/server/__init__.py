"""The sandbox as a server: options, clock, routes, sockets, limits, control.

app.py               everything put together
process.py           a sandbox in a process of its own
options.py           its options
clock.py             its clock
wire.py              values on the wire, and answers that all routes give alike
limits.py            the venues' request limits
keys.py              signed handshakes
sockets.py           WebSocket routes
websocket.py         the protocol of the server, with ways to fail
hub.py               all connections under one clock
frames.py            one frame on its way to a client
account_frames.py    what the venues send to an account
replays.py           recorded streams, played
control.py           health, clock, faults, counts
control_account.py   the account, on request
control_ws.py        connections, on request
"""
