"""A service is ready before the exact search is compiled, says so, and plans with it once it has come."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app import observe
from app.kernels import jit
from app.services import warm


def shown():
    return observe.REGISTRY.get_sample_value("bestex_exact_search_ready")


def child(program):
    return subprocess.Popen([sys.executable, "-c", program])


async def test_a_full_cache_needs_no_helper():
    assert warm.is_complete()
    assert warm.start_helper(jit.CALL) is None
    warming = warm.Warming()
    await warming.open()
    assert shown() == 1
    await warming.close()


async def test_ready_comes_first_and_the_search_when_the_helper_has_ended(monkeypatch):
    asked = []
    helper = child("import time; time.sleep(0.3)")
    monkeypatch.setattr(warm, "start_helper", lambda need: helper)
    monkeypatch.setattr(jit, "warm", lambda *, need: asked.append(need))
    warming = warm.Warming()
    await warming.open()
    assert (asked, shown()) == ([jit.READY], 0)
    await warming._later
    assert (asked, shown()) == ([jit.READY, jit.SOON], 1)
    await warming.close()


async def test_a_service_that_needs_everything_waits_for_everything(monkeypatch):
    asked, helped = [], []
    monkeypatch.setattr(warm, "start_helper", helped.append)
    monkeypatch.setattr(jit, "warm", lambda *, need: asked.append(need))
    warming = warm.Warming(jit.CALL)
    await warming.open()
    assert (helped, asked, shown()) == ([jit.CALL], [jit.CALL, jit.SOON], 1)
    await warming.close()


async def test_a_helper_that_fails_is_told_and_nothing_is_compiled_here(monkeypatch):
    told, asked = [], []
    monkeypatch.setattr(warm, "start_helper", lambda need: child("raise SystemExit(3)"))
    monkeypatch.setattr(jit, "warm", lambda *, need: asked.append(need))
    monkeypatch.setattr(observe, "exact_search_missing", told.append)
    warming = warm.Warming()
    await warming.open()
    await warming._later
    assert (asked, told, shown()) == ([jit.READY], [3], 0)
    await warming.close()


async def test_closing_leaves_no_process(monkeypatch):
    helper = child("import time; time.sleep(600)")
    monkeypatch.setattr(warm, "start_helper", lambda need: helper)
    monkeypatch.setattr(jit, "warm", lambda *, need: None)
    warming = warm.Warming()
    await warming.open()
    await warming.close()
    assert helper.returncode is not None
    assert warming._later.done()


def test_a_helper_warms_the_same_folder(monkeypatch):
    """Everything is there, so it ends at once; without the check it would still end well."""
    monkeypatch.setattr(jit, "is_cached", lambda need: False)
    helper = warm.start_helper(jit.SOON)
    assert helper.wait(timeout=120) == 0


@pytest.mark.parametrize("deaf", [False, True])
def test_a_helper_is_stopped_even_when_it_does_not_listen(monkeypatch, deaf):
    monkeypatch.setattr(warm, "_STOP_TIMEOUT_S", 0.2)
    deafen = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    helper = subprocess.Popen(
        [sys.executable, "-c", deafen + "print(1, flush=True); import time; time.sleep(600)"], stdout=subprocess.PIPE
    )
    with helper.stdout as out:
        out.readline()
        warm.stop_helper(helper)
    assert helper.returncode == (-9 if deaf else -15)
