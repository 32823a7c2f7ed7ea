"""The value type of instrument ids."""

from __future__ import annotations

import pytest

from echelon_pipeline.domain.instrument_id import InstrumentId


@pytest.mark.parametrize("native", ["KXBTC-26JAN01-T1.5", "0x" + "a" * 62, "0x" + "a" * 64, "a:b:c"])
def test_an_id_is_the_same_text_after_parsing_whatever_its_native_id(native: str) -> None:
    parsed = InstrumentId.parse(f"kalshi:{native}")
    assert parsed == ("kalshi", native)
    assert str(parsed) == f"{parsed}" == f"kalshi:{native}"


@pytest.mark.parametrize("text", ["", "kalshi", "kalshi:", ":KXBTC"])
def test_a_text_without_venue_or_native_id_is_refused_with_the_text_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=f"instrument id '{text}': expected <venue>:<native id>"):
        InstrumentId.parse(text)


def test_ids_of_a_venue_begin_with_its_prefix_and_those_of_a_longer_name_do_not() -> None:
    prefix = InstrumentId.prefix("kalshi")
    assert str(InstrumentId("kalshi", "A")).startswith(prefix)
    assert not str(InstrumentId("kalshi2", "A")).startswith(prefix)
