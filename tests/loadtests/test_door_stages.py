"""A stage's time is its own: what it calls among the stages is counted there, and every stage is still a function."""

from __future__ import annotations

import importlib
import threading

import pytest

from loadtests.door_stages import STAGES, Watch


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: f"{stage[1]}.{stage[3]}")
def test_every_stage_is_there(stage: tuple[str, str, str, str]) -> None:
    _, module_name, class_name, function_name = stage
    module = importlib.import_module(module_name)
    assert callable(getattr(getattr(module, class_name) if class_name else module, function_name))


def test_what_a_stage_calls_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_ns = iter(range(0, 1_000, 10))  # each look at the clock is ten later
    monkeypatch.setattr("loadtests.door_stages.time.perf_counter_ns", lambda: next(clock_ns))
    watch = Watch()
    leaf = watch.around("leaf", lambda: None)

    def calls_two() -> None:
        leaf()
        leaf()

    watch.around("root", calls_two)()
    assert watch.ns == {"leaf": 20, "root": 30}
    assert watch.inner == []


def test_another_thread_counts_its_own_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_ns = iter((100, 107))
    monkeypatch.setattr("loadtests.door_stages.time.thread_time_ns", lambda: next(cpu_ns))
    watch = Watch()
    thread = threading.Thread(target=watch.around("commit", lambda: None))
    thread.start()
    thread.join()
    assert watch.ns == {"commit": 7}
