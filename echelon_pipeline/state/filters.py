"""Which instruments a listener records, as its owner states it.

Belongs here: the filters and the parameters that they give to the query. Choosing the instruments is
``streams/selection.py``'s.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

# One text may stand alone.
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


class Filters(BaseModel):
    """Which instruments: each filter that is set must hold, any of its texts will do, in any case of letters.

    ``series``, ``event``: native id, full id or slug; ``slug``: of instrument or event; ``category``: the venue's or
    ours; ``title``: a part of title or display name. Bounds are on what the venue said last, in its units (Kalshi
    counts contracts, Polymarket USD; liquidity is USD): volume of 24 hours; where nothing is known no bound holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    series: Texts = ()
    tag: Texts = ()
    slug: Texts = ()
    condition: Texts = ()
    event: Texts = ()
    ticker: Texts = ()
    category: Texts = ()
    title: Texts = ()
    min_liquidity: Decimal | None = None
    max_liquidity: Decimal | None = None
    min_volume: Decimal | None = None
    max_volume: Decimal | None = None
    min_open_interest: Decimal | None = None
    max_open_interest: Decimal | None = None

    def parameters(self) -> dict[str, object]:
        """Of ``sql/capture/instruments.sql``: a Kalshi ticker and a Polymarket condition are both native ids."""
        given = {
            name: tuple(text.lower() for text in value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(self, name)) for name in Filters.model_fields)
        }
        native = given.pop("condition") + given.pop("ticker")
        return {**given, "native": native}
