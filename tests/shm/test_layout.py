import pytest

from app.domain.errors import InvariantBroken
from app.shm import layout


def test_this_layout_has_its_version():
    layout.check(layout.VERSION, layout.digest())
    assert layout.digest() == layout.DIGEST


def test_a_number_that_moves_without_its_version_is_refused(monkeypatch):
    monkeypatch.setattr(layout, "BEAT_WORDS", layout.BEAT_WORDS + 8)
    with pytest.raises(InvariantBroken, match="without its version"):
        layout.check(layout.VERSION, layout.digest())


def test_a_version_nobody_wrote_down_is_refused():
    with pytest.raises(InvariantBroken):
        layout.check(layout.VERSION + 1, layout.DIGEST)


def test_two_writers_never_share_a_cache_line():
    assert layout.Slot.STATUS % layout.LINE_WORDS == 0
    assert layout.Slot.PROBLEM % layout.LINE_WORDS == 0
    assert layout.BEAT_WORDS % layout.LINE_WORDS == layout.HEAD_WORDS % layout.LINE_WORDS == 0
