"""Each family by its name, with a world that opens."""

import pytest

from app.domain.errors import BadRequest
from app.venues.markets.families import FAMILIES, family_of
from app.venues.markets.spec import read_world


@pytest.mark.parametrize("name", FAMILIES)
def test_the_committed_world_opens(name):
    family = family_of(name)
    market = family.make(read_world(family.path), 1, 1)
    market.advance(1_000_000_000)
    assert market.n_venues == 6
    assert market.view(0).bids


def test_an_unknown_family_is_refused():
    with pytest.raises(BadRequest, match="queue_reactive"):
        family_of("magic")
