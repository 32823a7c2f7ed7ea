"""Polymarket: URLs, rates, keys. Names without ECHELON_ are established names that users already have.

Belongs here: fields, their checks, and properties computed from them alone.
"""

from __future__ import annotations

from pydantic import Field, SecretStr

from echelon_pipeline.settings.group import Group, HttpUrl, OptionalKey, WsUrl


class PolymarketSettings(Group):
    """Polymarket"""

    gamma_rps: float = Field(
        20.0, gt=0, description="Gamma requests per second (published limit: 900 listing requests / 10 s)."
    )
    clob_rps: float = Field(
        40.0, gt=0, description="CLOB requests per second (published limit: 1,000 prices-history requests / 10 s)."
    )
    data_rps: float = Field(
        15.0, gt=0, description="Data API requests per second (429 answers were measured at about 30)."
    )
    polymarket_api_url: HttpUrl = Field(
        "https://clob.polymarket.com",
        validation_alias="POLYMARKET_API_URL",
        description="Polymarket CLOB REST base URL.",
    )
    polymarket_gamma_url: HttpUrl = Field(
        "https://gamma-api.polymarket.com",
        validation_alias="POLYMARKET_GAMMA_URL",
        description="Polymarket Gamma base URL.",
    )
    polymarket_data_url: HttpUrl = Field(
        "https://data-api.polymarket.com", description="Polymarket Data API base URL (v2 is below /v2)."
    )
    polymarket_ws_url: WsUrl = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market",
        validation_alias="POLYMARKET_WS_URL",
        description="Polymarket WebSocket URL of the market channel.",
    )
    polymarket_user_ws_url: WsUrl = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/user",
        description="Polymarket WebSocket URL of the user channel: an account's own orders and trades.",
    )
    polymarket_api_key: OptionalKey = Field(
        None,
        validation_alias="POLYMARKET_API_KEY",
        description="Polymarket L2 API key; only used by listeners that record an account (`own`).",
    )
    polymarket_api_secret: OptionalKey = Field(
        None,
        validation_alias="POLYMARKET_API_SECRET",
        description="Polymarket L2 API secret, for listeners that record an account.",
    )
    polymarket_api_passphrase: OptionalKey = Field(
        None, description="Polymarket L2 API passphrase, for listeners that record an account."
    )
    polymarket_private_key: SecretStr | None = Field(
        None,
        validation_alias="POLYMARKET_PRIVATE_KEY",
        description="Private key of the Polymarket signer.",
    )
