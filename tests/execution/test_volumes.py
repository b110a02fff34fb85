"""Learned volume as facts: the newest word of each bin stands, in every fold."""

from __future__ import annotations

from app.domain.timing_facts import VolumeBin, VolumeLearned
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.worlds import make_desk


def test_the_newest_word_of_each_bin_stands() -> None:
    desk = make_desk()
    desk.turn(inp.LearnVolume("BTC/USDT", (VolumeBin(3, 10, 1_000), VolumeBin(4, 20, 1_000))))
    desk.turn(inp.LearnVolume("BTC/USDT", (VolumeBin(4, 25, 2_000),)))
    assert desk.core.ledger.volumes == {"BTC/USDT": {3: VolumeBin(3, 10, 1_000), 4: VolumeBin(4, 25, 2_000)}}
    assert fold(desk.facts) == desk.core.ledger


def test_nothing_new_and_unlisted_symbols_are_no_fact() -> None:
    desk = make_desk()
    desk.turn(inp.LearnVolume("BTC/USDT", ()), inp.LearnVolume("NO/SUCH", (VolumeBin(0, 1, 1),)))
    assert not [f for f in desk.facts if isinstance(f.event, VolumeLearned)]
