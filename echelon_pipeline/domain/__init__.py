"""Pure functions on values: no network, no clock, no disk.

instrument_id.py  the id of an instrument: venue and native id
scaled.py        exact decimals as whole numbers of millionths
fees.py          taker fees of venues, in Python and SQL
days.py          days of an interval, runs of consecutive days
intervals.py     sets of half-open intervals
batches.py       sequences in batches
csv_records.py   records of a CSV
sides.py         words for sides of an order book
latest.py        the latest state of a book
categories.py    one taxonomy for both venues
derived.py       the statements of categories and display names
"""
