"""Order books from the venues' streams: exact ladders, and the intervals in which they are valid. No input or output.

events.py    the content of both venues' frames, in one vocabulary
ladder.py    sizes by price, best first
hashes.py    the bytes of Polymarket's book hash
verify.py    compares a ladder with the hashes that its frames carried; rechecks a mismatch
book.py      one instrument: its ladders, and the effect of one event on them
validity.py  batches and losses: when a book is checked, shown and invalidated
machine.py   all books of one listener: frame numbers, proof, clock, routing
rows.py      rows with an interval of validity, gaps, notes
timeouts.py  timeouts of one fixed length

columns.py           events of many frames as arrays
message_columns.py   messages to columns
arrow.py             the output of a replay, as Arrow
fast/                the machine and its rules, compiled

The rules, which every replay of frames follows:

 1. Order is (connection, arrival number). The clock is ``received_at`` and never runs backwards. A hole in the
    arrival numbers invalidates every book.
 2. Prices and sizes are millionths. A value with more digits is unreadable; nothing is rounded or clipped.
 3. All ladders are on the price axis of outcome 0. Kalshi: yes at P is a bid at P, no at P is an ask at 1 - P.
    Polymarket: the other token's ladder, mirrored, must be equal; it is never added.
 4. A book is unknown until a snapshot of the stream. Changes before the snapshot are counted and discarded.
 5. Numbered frames: within (connection, subscription) each frame's number is the previous number plus 1, whatever
    the frame contains. Any other number invalidates every book of the subscription. ``subscribed`` restarts the
    numbers at 1.
 6. A batch is the frames of one instrument up to a frame with a later venue time, or up to 50 ms of silence. A book
    is checked and shown only at the end of a batch, as of its last frame. A frame without a venue time belongs to
    the open batch; a batch without a venue time is a single frame.
 7. Bid >= ask at the end of a batch invalidates the book.
 8. A level that would fall below zero invalidates the book. A new size of 0 at a price without a level changes
    nothing and is counted: hash and mirror show whether a frame was missed.
 9. A hash is compared with the ladder at the end of the batch; any hash given for the last venue time may match.
    A mismatch is rechecked 250 ms later with the last trade price known by then, unless the next hash matches. A
    second mismatch invalidates the book. If none of the first three hashes of an instrument matches, its facts are
    wrong, and hashes are ignored.
10. If the two mirrored ladders differ at the end of a batch and still differ 250 ms later, the book is invalid.
11. A tick size change, the end of a subscription, a disconnect or an unreadable frame invalidates the books
    concerned. An unreadable frame concerns the ladders that it names; none if its type carries no book; all books
    (of its subscription) if neither can be read.
12. An empty snapshot after ``close_at``, or the venue's message, ends trading: unknown, and no gap.
13. Proof is a frame of the instrument, for numbered subscriptions any frame of the subscription, or an equal REST
    book. A book whose last proof is as old as the budget is stale until the next proof.
14. REST books are frames of our own. While a book is valid: an equal REST book is proof and a check that matched; a
    different one of the same venue time invalidates the book; so does a different and later one if no frame of the
    instrument arrives in the next 250 ms; an older one, one without a time and one within a batch decide nothing.
    While a book is unknown: a REST book with a time is adopted together with the buffered changes after its time. It
    becomes valid when a hash matches.
15. The first reason of a loss stays until the book is valid again; one gap covers the whole time.
16. A row begins where the levels shown, depths, state or reason change, and after a loss. A state that lasted no
    time is in no row.
17. Best prices in a change are compared with the ladder at the end of the batch. So are those of a quote outside
    of numbered subscriptions that is later than the ladder; 0 is an empty side. If they differ, and still differ at
    each end of a batch in the next 250 ms, the book is invalid. A matching hash, a snapshot or a change without best
    prices discards the earlier best prices.
"""
