"""One module per kind of asset; each venue gets its own keys from the same factory.

listings.py   payloads into raw; events, series, instruments
daily.py      trades, prices, builder fills of UTC days
undated.py    resolutions, leaderboards, combos
books.py      order books by UTC hour
marts.py      one asset per mart
closing.py    reports, publication and maintenance
health.py     the daily report
mirror.py     the mirror in Postgres
"""
