"""The file of listings gives back what was written, or says why it cannot."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing
from app.store.listings import ListingsFile, StoredVenue

DATED = FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, "2027-03-26", 100 * 10**9)
LISTING = Listing("okx", "BTC-USD-270326", "BTC/USD:BTC-270326", DATED, Decimal("0.1"), Decimal("1E-8"))
ENTRY = CalendarEntry("okx", "BTC-USD-270326", CalendarKind.EXPIRY, 1_806_048_000_000_000_000, 0, "market's expiry")
STORED = {"okx": StoredVenue(7, (LISTING,), (ENTRY,)), "kraken": StoredVenue(8, (), ())}


def test_what_was_written_comes_back(tmp_path):
    file = ListingsFile(tmp_path / "home" / "listings.json")
    assert file.read() == {}
    file.write(STORED)
    assert file.read() == STORED
    file.write({})
    assert file.read() == {}
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["listings.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "venues": {}}', '{"version": 1, "venues": {"a": {}}}'])
def test_a_file_that_is_not_ours_is_refused(tmp_path, text):
    path = tmp_path / "listings.json"
    path.write_text(text)
    with pytest.raises(InvariantBroken, match=r"listings\.json"):
        ListingsFile(path).read()
