"""Warming loads every kernel and says whether it had to compile."""

from __future__ import annotations

from typer.testing import CliRunner

from app.cli import warmup
from app.kernels import jit


def test_warmup_counts_every_kernel():
    ended = CliRunner().invoke(warmup.app)
    assert ended.exit_code == 0, ended.output
    assert f"{len(jit.registered())} kernels" in ended.output
    assert len(jit.registered()) > 5


def test_what_makes_a_service_ready_is_less():
    warmup.warm_with_progress()
    ready = warmup.warm_with_progress("READY")
    assert ready == (sum(entry.need == jit.READY for entry in jit.registered()), True)
    assert 5 < ready[0] < len(jit.registered())


def test_a_second_warmup_finds_the_cache():
    warmup.warm_with_progress()
    assert warmup.warm_with_progress() == (len(jit.registered()), True)
