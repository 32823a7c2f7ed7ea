"""Order books from the venues' streams: exact ladders, and how far they can be believed. No input or output.

events.py   what both venues' frames say, in one vocabulary
ladder.py   sizes by price, best first
hashes.py   the bytes of Polymarket's book hash
verify.py   hashes that a ladder must have, and a second look
book.py     one instrument: its ladders and what an event does to them
keeper.py   batches and losses: when a book is judged, shown and given up
machine.py  one listener: numbers of frames, proof, clock, routing
rows.py     rows with an interval of validity, gaps, notes
waits.py    deadlines of one length

columns.py  events of many frames as arrays
batches.py  what a replay gives out, as Arrow
fast/       the machine and its rules once more, compiled

The rules, for whatever else replays frames:

 1. Order is (connection, arrival number). The clock is ``received_at`` and never runs backwards. A hole in the
    arrival numbers loses every book.
 2. Prices and sizes are millionths. What needs more digits is unreadable; nothing is rounded or clipped.
 3. The axis is outcome 0. Kalshi: yes at P bids P, no at P asks 1 - P. Polymarket: the other token's ladder,
    mirrored, must be the same; it is never added.
 4. A book is unknown until a snapshot of the stream. Changes before it are counted and discarded.
 5. Numbered frames: within (connection, subscription) each number follows the last, whatever the frame is. Any
    other number loses every book of the subscription. ``subscribed`` starts the numbers at 1.
 6. A batch is the frames of one instrument up to one with a later venue time, or 50 ms of silence. Books are judged
    and shown at its end only, as of its last frame. A frame without a venue time belongs to the open batch; a
    batch that has no time itself is one frame.
 7. Bid >= ask at a batch's end loses the book.
 8. A level that would fall below zero loses the book. A new size of 0 where nothing is changes nothing and is
    counted: hash and mirror tell whether something was missed.
 9. A hash is held against the ladder at the batch's end; any hash given for the last venue time may match.
    A miss is looked at again 250 ms later with the last trade known by then, unless the next hash matches. Then it
    loses the book - or, where none ever matched in three, the facts are wrong and hashes say nothing.
10. Mirrors that differ at a batch's end and still do 250 ms later lose the book.
11. A tick size change, a subscription's end, a disconnect or an unreadable frame loses the books concerned. An
    unreadable frame concerns the ladders that it names, none where its type carries no book, all (of its
    subscription) where neither can be read.
12. An empty snapshot after ``close_at``, or the venue's word, ends trading: unknown, and no gap.
13. Proof is a frame of the instrument, for numbered subscriptions any frame of it, or an equal book that was asked
    for. A book whose last proof is as old as the budget is stale until the next.
14. A book that was asked for becomes ours with the kept changes after its time, and is believed when a hash matches.
15. The first reason of a loss stays until the next believed book; one gap spans all of it.
16. A row begins where levels shown, depths, state or reason change, and after a loss. What lasted no time is in no
    row.
17. Best prices that come with a change are compared with the ladder at the batch's end, and so are those of a quote
    outside of numbered subscriptions that is later than the ladder; 0 is an empty side. Where they differ, and still
    do at each batch's end in the next 250 ms, they lose the book. A matching hash, a snapshot or a change without best
    prices takes back what was said before it.
"""
