"""Gamma's objects from rows of a generated universe.

Belongs here: markets, events, series and tags with Gamma's types (reference: Polymarket 1.4): lists as
JSON text inside strings, some numbers as text, several forms of time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from echelon_pipeline.sandbox.polymarket.state import PolymarketState
from echelon_pipeline.sandbox.server.wire import iso, iso_us, number, plain
from echelon_pipeline.sandbox.universe.catalog import DAY, FAMILIES, SERIES
from echelon_pipeline.sandbox.universe.names import EVENT_ID, MARKET_ID, SERIES_ID, slug
from echelon_pipeline.sandbox.universe.paths import ONE
from echelon_pipeline.sandbox.universe.wording import event_title

Obj = dict[str, Any]
TAGS = tuple(sorted({tag for family in FAMILIES for tag in family.poly_tags}))
TAG_ID = {tag: str(n + 2) for n, tag in enumerate(TAGS)}
RECURRENCE = {"daily": "daily", "weekly": "weekly", "monthly": "monthly", "hourly": "hourly", "fifteen_min": "15m"}


def spaced(seconds: int) -> str:
    """Gamma's second time format: a space and a two-digit offset."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}+00"


class GammaViews:
    """Gamma objects at a time (Unix seconds). ``seen``: trades visible then, and a day, week and month earlier."""

    def __init__(self, state: PolymarketState) -> None:
        self.state = state
        self.venue, self.names = state.venue, state.names

    def seen(self, now: int) -> tuple[int, ...]:
        table = self.venue.trades
        return tuple(table.visible((now - back * DAY) * 1_000_000) for back in (0, 1, 7, 30))

    def market(self, i: int, now: int, seen: tuple[int, ...], *, with_event: bool = True) -> Obj:
        c, names, state = self.venue.columns, self.names, self.state
        event = self.venue.event_of(i)
        closed, trading = now >= c["settled"][i], state.trading(i, now)
        market_text, version, outcomes = names.market_text(i), names.version(i), names.outcomes(i)
        bid, ask = state.quote(i, now)
        cash = [self.venue.trades.totals(i, s)[2] for s in seen]
        tokens = [names.token(i, n) for n in range(len(outcomes))]
        last = self.venue.trades.last_price(i, seen[0])
        label = market_text.item if event.count > 1 else ""
        uma = state.uma(i, now)
        liquidity = self._liquidity(i, now)
        body: Obj = {
            "id": str(MARKET_ID + i),
            "question": names.question_text(i),
            "conditionId": names.condition(i),
            "slug": names.slug(i),
            "resolutionSource": "",
            "endDate": iso(event.topic.closes // DAY * DAY + DAY if c["key"][i] % 2 else event.topic.closes),
            "startDate": iso_us(c["opens"][i] * 10**6 + 102_000),
            "image": "",
            "icon": "",
            "description": f'This market will resolve to "{outcomes[0]}" if it holds. Otherwise it will resolve to '
            f'"{outcomes[1]}".',
            "outcomes": json.dumps(outcomes),
            "outcomePrices": json.dumps(self._prices(i, now, len(outcomes))),
            "volume": plain(cash[0], 6),
            "volumeNum": number(cash[0], 10**6),
            "volume24hr": number(cash[0] - cash[1], 10**6),
            "volume1wk": number(cash[0] - cash[2], 10**6),
            "volume1mo": number(cash[0] - cash[3], 10**6),
            "volume1yr": number(cash[0], 10**6),
            "active": True,
            "closed": closed,
            "archived": False,
            "new": False,
            "featured": False,
            "restricted": True,
            "createdAt": iso_us(c["created"][i] * 10**6 + 376_667),
            "updatedAt": iso_us(now * 10**6 + 961_150),
            "groupItemTitle": label,
            "questionID": f"0x{names.question(i)}",
            "enableOrderBook": state.has_book(i),
            "orderPriceMinTickSize": number(state.tick(i, now), ONE),
            "orderMinSize": 5,
            "liquidity": plain(liquidity, 6),
            "liquidityNum": number(liquidity, 10**6),
            "clobTokenIds": json.dumps(tokens),
            "version": version,
            "acceptingOrders": trading,
            "acceptingOrdersTimestamp": iso(c["created"][i]),
            "negRisk": names.neg_risk(i),
            "spread": number(ask - bid, ONE),
            "bestBid": number(bid, ONE),
            "bestAsk": number(ask, ONE),
            "lastTradePrice": number(last, ONE) if last is not None else 0,
            "makerBaseFee": 1000,
            "takerBaseFee": 1000,
            "umaResolutionStatuses": json.dumps([uma] if uma else []),
            "cyom": False,
            "rfqEnabled": False,
            **self.fees(i),
        }
        if version == "v2":
            body["positionIds"] = tokens
            if self.venue.bits(i, 15) % 3:
                del body["clobTokenIds"]
            else:  # both fields are present; the protocol v1 ids do not trade
                body["clobTokenIds"] = json.dumps(names.untraded(i))
        if body["negRisk"]:
            body["negRiskMarketID"] = f"0x{names.group(i)}"
        if uma:
            body["umaResolutionStatus"] = uma
        if closed:
            body["closedTime"] = spaced(c["settled"][i])
        if event.topic.family.style == "game":
            body["gameStartTime"] = spaced(event.topic.closes - 3 * 3600)
        if with_event:
            body["events"] = [self.event(c["event"][i], now, seen, with_markets=False)]
        return body

    def _prices(self, i: int, now: int, count: int) -> list[str]:
        if count == 3:
            return ["0", "0", "0"] if now >= self.venue.columns["settled"][i] else ["0.5", "0.3", "0.2"]
        middle = self.state.middle(i, now)
        return [plain(middle, 5), plain(ONE * 10 - middle, 5)]

    def fees(self, i: int) -> Obj:
        """Fee fields of a market."""
        kind, rate = self.venue.event_of(i).topic.family.fee
        if not kind:
            return {"feesEnabled": False}
        rebate = {"sports_fees_v2": 0.15, "crypto_fees_v2": 0.2}.get(kind, 0.25)
        schedule = {"exponent": 1, "rate": rate, "takerOnly": True, "rebateRate": rebate}
        return {"feesEnabled": True, "feeType": kind, "feeSchedule": schedule}

    def _liquidity(self, i: int, now: int) -> int:
        """Liquidity in 1e-6 dollars; 0 for a closed market."""
        return (1_000 + self.venue.bits(i, 12) % 400_000) * 1_000_000 if self.state.trading(i, now) else 0

    def event(self, n: int, now: int, seen: tuple[int, ...], *, with_markets: bool = True) -> Obj:
        event = self.venue.events[n]
        rows = range(event.first, event.first + event.count)
        cash = [sum(self.venue.trades.totals(i, s)[2] for i in rows) for s in seen[:2]]
        neg = self.names.neg_risk(event.first)
        family = event.topic.family
        body: Obj = {
            "id": str(EVENT_ID + n),
            "ticker": self.names.events[n],
            "slug": self.names.events[n],
            "title": event_title(event.topic, "polymarket"),
            "description": f"About {event.topic.about}.",
            "startDate": iso_us(event.topic.opens * 10**6 + 376_667),
            "creationDate": iso_us(event.created * 10**6),
            "endDate": iso(event.topic.closes),
            "image": "",
            "icon": "",
            "active": True,
            "closed": all(now >= self.venue.columns["settled"][i] for i in rows),
            "archived": False,
            "new": False,
            "featured": False,
            "restricted": True,
            "liquidity": number(sum(self._liquidity(i, now) for i in rows), 10**6),
            "volume": number(cash[0], 10**6),
            "volume24hr": number(cash[0] - cash[1], 10**6),
            "openInterest": number(cash[0] * 3 // 10, 10**6),
            "createdAt": iso_us(event.created * 10**6),
            "updatedAt": iso_us(now * 10**6),
            "enableOrderBook": True,
            "negRisk": neg,
            "enableNegRisk": neg,
            "commentCount": 0,
            "series": [self.series(event.topic.series)],
            "tags": [tag_object(tag) for tag in family.poly_tags],
        }
        if neg:
            body["negRiskMarketID"] = f"0x{self.names.group(event.first)}"
        if with_markets:
            body["markets"] = [self.market(i, now, seen, with_event=False) for i in rows]
        return body

    def series(self, n: int) -> Obj:
        family, ticker, about = SERIES[n]
        name = slug(ticker)
        return {
            "id": str(SERIES_ID + n),
            "ticker": name,
            "slug": name,
            "title": about,
            "seriesType": "single",
            "recurrence": RECURRENCE.get(family.frequency, "annual"),
            "active": True,
            "closed": False,
            "archived": False,
            "createdAt": iso(self.state.universe.now - 400 * DAY),
            "updatedAt": iso(self.state.universe.now - DAY),
            "volume": 0,
            "volume24hr": 0,
            "liquidity": 0,
            "startDate": iso(self.state.universe.now - 400 * DAY),
        }


def tag_object(tag: str) -> Obj:
    return {
        "id": TAG_ID[tag],
        "label": tag,
        "slug": slug(tag),
        "publishedAt": "2026-05-28 05:29:05+00",
        "createdAt": "2025-02-06T18:05:50.554703Z",
        "updatedAt": "2026-04-17T20:34:30.088167Z",
    }
