from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.domain.units import NANO
from app.settings import Ceilings, Settings


def test_the_environment_fills_flat_and_nested_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BESTEX_PORT", "9000")
    monkeypatch.setenv("BESTEX_CEILINGS__MAX_ORDER_NOTIONAL", "250000")
    settings = Settings()
    assert settings.port == 9000
    assert settings.ceilings.as_limits() == {"max_order_notional_nano": 250_000 * NANO}


def test_counts_are_counts_and_money_is_nano() -> None:
    ceilings = Ceilings(max_open_orders=5, message_rate_per_s=7, max_position=2)
    expected = {"max_open_orders": 5, "message_rate_per_s": 7, "max_position_nano": 2 * NANO}
    assert ceilings.as_limits() == expected


def test_a_ceiling_of_an_unknown_name_or_sign_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TYPO", "1"), ("MAX_POSITION", "-1"), ("MAX_POSITION", "NaN")):
        monkeypatch.setenv(f"BESTEX_CEILINGS__{name}", value)
        with pytest.raises(ValidationError):
            Settings()
        monkeypatch.delenv(f"BESTEX_CEILINGS__{name}")


def test_tier_value_is_off_until_somebody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().routing.tier_value is False
    monkeypatch.setenv("BESTEX_ROUTING__TIER_VALUE", "true")
    assert Settings().routing.tier_value is True
    monkeypatch.setenv("BESTEX_ROUTING__TIER_RESPONSE_PPM", "0")
    with pytest.raises(ValidationError):
        Settings()
