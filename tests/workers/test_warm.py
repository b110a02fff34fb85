"""The compiling process: its arguments, its order, its manners."""

from __future__ import annotations

import pytest

from app.kernels import jit
from app.workers import warm


@pytest.fixture
def calls(monkeypatch):
    made = []
    monkeypatch.setattr(warm, "give_way", lambda by: made.append(("nice", by)))
    monkeypatch.setattr(jit, "warm", lambda *, need: made.append(need))
    return made


def test_what_is_waited_for_comes_before_manners(calls, monkeypatch):
    monkeypatch.setattr(jit, "is_cached", lambda need: False)
    assert warm.main(["SOON"]) == 0
    assert calls == [jit.READY, ("nice", warm.NICE), jit.SOON]


def test_what_nobody_waits_for_is_compiled_at_the_lowest_priority(calls, monkeypatch):
    monkeypatch.setattr(jit, "is_cached", lambda need: need == jit.READY)
    assert warm.main(["SOON"]) == 0
    assert calls == [("nice", warm.NICE), jit.SOON]


def test_everything_is_asked_for_by_somebody_who_waits(calls, monkeypatch):
    monkeypatch.setattr(jit, "is_cached", lambda need: False)
    assert warm.main(["CALL"]) == 0
    assert calls == [jit.READY, jit.CALL]


@pytest.mark.parametrize("arguments", [[], ["LATER"], ["READY", "SOON"]])
def test_other_words_are_refused(arguments, calls, capsys):
    assert warm.main(arguments) == 2
    assert calls == []
    assert "READY|SOON|CALL" in capsys.readouterr().err
