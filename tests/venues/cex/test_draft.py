"""The draft of a venue is a row that loads, and agrees with the row that a hand made of it."""

from __future__ import annotations

import tomllib

from app.venues.cex.endpoints import load_rules
from app.venues.cex.profile_table import profile_of, profiles_of

from .captured import catch_all
from .draft import draft


def test_the_draft_of_weex_loads_and_has_what_its_row_has(tmp_path):
    path = tmp_path / "venues.toml"
    with catch_all() as server:
        path.write_text(draft("weex", server))
    drafted, kept = profiles_of(tomllib.loads(path.read_text()), path.name)["weex"], profile_of("weex")
    assert (drafted.placement, drafted.cancel, drafted.read) == (kept.placement, kept.cancel, kept.read)
    assert "book" in drafted.streams
    assert "partial_fill" in drafted.ends, "ccxt has mended it: the note in the row is old"
    placed = "private POST api/v3/order"
    assert load_rules(path)["weex"].places[placed] == load_rules()["weex"].places[placed]
    assert "# code -2200: OrderNotFound" in path.read_text()
