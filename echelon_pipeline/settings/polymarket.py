"""Polymarket: URLs, rates, keys. Names without ECHELON_ were fixed by earlier users.

Belongs here: fields, their checks, and what follows from them alone.
"""

from __future__ import annotations

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from echelon_pipeline.settings.group import Group, one_line, venue_url


class PolymarketSettings(Group):
    """Polymarket"""

    gamma_rps: float = Field(20.0, gt=0, description="Gamma requests per second (published: 900 listing / 10 s).")
    clob_rps: float = Field(
        40.0, gt=0, description="CLOB requests per second (published: 1,000 prices-history / 10 s)."
    )
    data_rps: float = Field(15.0, gt=0, description="Data API requests per second (429s were measured near 30).")
    polymarket_api_url: str = Field(
        "https://clob.polymarket.com",
        validation_alias="POLYMARKET_API_URL",
        description="Polymarket CLOB REST base.",
    )
    polymarket_gamma_url: str = Field(
        "https://gamma-api.polymarket.com",
        validation_alias="POLYMARKET_GAMMA_URL",
        description="Polymarket Gamma base.",
    )
    polymarket_data_url: str = Field(
        "https://data-api.polymarket.com", description="Polymarket Data API base (v2 below /v2)."
    )
    polymarket_ws_url: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market",
        validation_alias="POLYMARKET_WS_URL",
        description="Polymarket market channel.",
    )
    polymarket_user_ws_url: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws/user",
        description="Polymarket user channel: an account's own orders and trades.",
    )
    polymarket_api_key: SecretStr | None = Field(
        None,
        validation_alias="POLYMARKET_API_KEY",
        description="Polymarket L2 API key; only read where a listener records its account (`own`).",
    )
    polymarket_api_secret: SecretStr | None = Field(
        None,
        validation_alias="POLYMARKET_API_SECRET",
        description="Polymarket L2 API secret, for the same.",
    )
    polymarket_api_passphrase: SecretStr | None = Field(None, description="Polymarket L2 API passphrase, for the same.")
    polymarket_private_key: SecretStr | None = Field(
        None,
        validation_alias="POLYMARKET_PRIVATE_KEY",
        description="Polymarket signer key.",
    )

    @field_validator(
        "polymarket_api_url",
        "polymarket_gamma_url",
        "polymarket_data_url",
        "polymarket_ws_url",
        "polymarket_user_ws_url",
    )
    @classmethod
    def _polymarket_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        return venue_url(value, info)

    @field_validator("polymarket_api_key", "polymarket_api_secret", "polymarket_api_passphrase")
    @classmethod
    def _polymarket_key(cls, value: SecretStr | None) -> SecretStr | None:
        return one_line(value)
