"""The page about the local exchange is the one its protocols give, and says of each behaviour what it rests on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.venues.exchange.basis import page, spoken

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = REPOSITORY / "docs" / "local-exchange.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "python -m tests.venues.exchange.basis > docs/local-exchange.md"


@pytest.mark.parametrize("protocol", spoken(), ids=lambda protocol: protocol.venue)
def test_each_venue_says_what_it_rests_on(protocol) -> None:
    """A venue without assumptions has not looked for them; only Coinbase's Advanced Trade was never recorded."""
    assert {basis.rests_on for basis in protocol.basis} >= {"document", "assumption"}
    assert protocol.venue == "coinbase" or any(basis.rests_on == "recording" for basis in protocol.basis)
    assert len({basis.behaviour for basis in protocol.basis}) == len(protocol.basis) >= 10
    assert all(basis.source for basis in protocol.basis if basis.rests_on != "assumption")


@pytest.mark.shared_data
def test_the_recordings_named_are_there(shared: Path) -> None:
    folders = ("wire", "adapters", "l2", "derivatives", "bars")
    for protocol in spoken():
        for basis in protocol.basis:
            if basis.rests_on == "recording":
                named = re.findall(rf"\b((?:{'|'.join(folders)})/[\w./-]*)", basis.source)
                assert named, basis
                for name in named:
                    path = shared / "data" / "public" / name
                    assert path.exists() or list(path.parent.glob(path.name + "*")), basis


def test_the_exchange_imports_nothing_of_the_application() -> None:
    """It must not share a mistake with what it tests."""
    found = [
        path.name
        for path in Path(__file__).parent.rglob("*.py")
        if re.search(r"^\s*(from|import) (app|bestex_verify)\b", path.read_text(), re.M)
    ]
    assert not found
