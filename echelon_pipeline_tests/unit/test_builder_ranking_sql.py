"""The venue's ranking of builders: rows as served, one observation however many pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from echelon_pipeline.venues.polymarket.parse import KINDS
from echelon_pipeline_tests.fakes import RECEIVED
from echelon_pipeline_tests.polymarket_payloads import page, parse_pages

KIND = KINDS["builders_leaderboard"]
TABLE = "core.builder_leaderboard"
PATH = "/v2/builders/leaderboard?time_period="


def _builder(code: str, **fields: Any) -> dict[str, Any]:
    served = {"rank": 1, "builder_name": "A", "builder_code": code, "profile_image": "", "verified": True}
    return {**served, "volume": 12.5, "active_users": 3, **fields}


def test_a_ranking_of_two_pages_is_one_observation() -> None:
    first = page(KIND.endpoint, [_builder("0xA")], request=f"{PATH}week&limit=1000")
    second = page(KIND.endpoint, [_builder("0xB", rank="2")], request=f"{PATH}week&limit=1000&cursor=x", number=1)
    found = parse_pages(KIND, [first, replace(second, received_at=RECEIVED + timedelta(hours=30))])
    assert found.dead == []
    rows = sorted(found.rows[TABLE], key=lambda r: r["rank"])
    assert [(r["builder_code"], r["rank"], r["range"], r["observed_at"], r["date"]) for r in rows] == [
        ("0xa", 1, "week", RECEIVED, RECEIVED.date()),
        ("0xb", 2, "week", RECEIVED, RECEIVED.date()),
    ]
    assert rows[0]["contracts"] == Decimal("12.5")
    assert (rows[0]["builder_name"], rows[0]["active_users"], rows[0]["is_verified"]) == ("A", 3, True)


def test_rankings_of_two_ranges_are_two_observations() -> None:
    pages = [
        page(KIND.endpoint, [_builder("0xA")], request=PATH + name, number=n) for n, name in enumerate(["day", "all"])
    ]
    assert {r["range"] for r in parse_pages(KIND, pages).rows[TABLE]} == {"day", "all"}


def test_a_builder_that_stands_twice_in_one_ranking_is_kept_once() -> None:
    """Rows move between pages while a ranking is read."""
    pages = [page(KIND.endpoint, [_builder("0xA", rank=n)], request=f"{PATH}day", number=n) for n in (1, 2)]
    (row,) = parse_pages(KIND, pages).rows[TABLE]
    assert row["rank"] == 1


@pytest.mark.parametrize(
    ("payload", "request_text", "path"),
    [
        (_builder(""), f"{PATH}day", "$.builder_code"),
        ("[]", f"{PATH}day", "$.builder_code"),
        (_builder("0xA", volume="many"), f"{PATH}day", "$.volume"),
        (_builder("0xA", volume=-1), f"{PATH}day", "$.volume"),
        (_builder("0xA"), f"{PATH}year", "$"),
    ],
)
def test_what_cannot_be_ranked_is_a_dead_letter(payload: object, request_text: str, path: str) -> None:
    found = parse_pages(KIND, [page(KIND.endpoint, [payload], request=request_text)])
    assert found.rows[TABLE] == []
    assert [(d["table_name"], d["path"]) for d in found.dead] == [(TABLE, path)]
