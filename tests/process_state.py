"""What a test could leave changed for the tests after it in its process, which then fail or pass by their order."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import structlog

from app import observe

# Not the alarm: it is the timeout's, and taken away where a test fails.
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM})
# Said by pytest of each test, and by Polars of its own allocator when it is first loaded.
_OTHERS_WORDS = frozenset({"PYTEST_CURRENT_TEST", "_RJEM_MALLOC_CONF"})


@dataclass(frozen=True)
class ProcessState:
    """One moment's state of this process; two are equal where nothing was left changed."""

    environment: dict[str, str]
    folder: Path
    handlers: tuple[Any, ...]
    collector: tuple[bool, tuple[int, int, int], tuple[Any, ...]]
    priority: int
    recursion_limit: int
    log_levels: tuple[int, int]

    @classmethod
    def now(cls) -> ProcessState:
        return cls(
            {name: value for name, value in os.environ.items() if name not in _OTHERS_WORDS},
            Path.cwd(),
            tuple(map(signal.getsignal, _SIGNALS)),
            (gc.isenabled(), gc.get_threshold(), tuple(call for call in gc.callbacks if not is_hypothesis(call))),
            os.getpriority(os.PRIO_PROCESS, 0),
            sys.getrecursionlimit(),
            (logging.root.level, logging.root.manager.disable),
        )

    def put_service_back(self) -> None:
        """Signal handlers and the collector as they were: a service that is started here ends with no process."""
        for number, handler in zip(_SIGNALS, self.handlers, strict=True):
            if handler is not None and signal.getsignal(number) != handler:
                signal.signal(number, handler)
        is_enabled, threshold, calls = self.collector
        gc.callbacks[:] = [call for call in gc.callbacks if is_hypothesis(call) or call in calls]
        gc.set_threshold(*threshold)
        (gc.enable if is_enabled else gc.disable)()

    def changed_to(self, later: ProcessState) -> list[str]:
        """What differs in `later`, each as its name with before and after."""
        names = [field.name for field in fields(self)]
        pairs = [(name, getattr(self, name), getattr(later, name)) for name in names]
        return [f"{name}: {before!r} -> {after!r}" for name, before, after in pairs if before != after]


def is_hypothesis(call: Any) -> bool:
    """Hypothesis watches the collector from its first property on."""
    return str(getattr(call, "__module__", "")).startswith("hypothesis.")


@contextlib.contextmanager
def lines_put_back() -> Iterator[None]:
    """Log lines (app/observe.py) have the level and form at the end that they had: who starts a service sets them."""
    is_configured, config, shown = structlog.is_configured(), structlog.get_config(), dict(observe._shown)
    try:
        yield
    finally:
        observe._shown.update(shown)
        if is_configured:
            structlog.configure(**config)
        else:
            structlog.reset_defaults()


@contextlib.contextmanager
def collector_put_back() -> Iterator[None]:
    """The garbage collector is at the end what it was: for a service that does not get as far as its own close."""
    threshold, callbacks = gc.get_threshold(), list(gc.callbacks)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks[:] = callbacks
        gc.unfreeze()
