"""Parts of Bestex that are installed when they are wanted: what each is for, whether it is here, how to get it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from app.cli.exits import CommandError, Exit


@dataclass(frozen=True, slots=True)
class Extra:
    """One optional part: the modules it brings, and the commands that need them."""

    name: str
    modules: tuple[str, ...]
    purpose: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Which of its modules are not installed here; nothing is imported to find out."""
        return tuple(module for module in self.modules if find_spec(module) is None)

    @property
    def fix(self) -> str:
        """What to type; `make` knows the locked versions."""
        return f'make {self.name} where Bestex was cloned, or pip install ".[{self.name}]" there'


REPLAY: Final = Extra("replay", ("pyarrow", "arch", "scipy"), "replay, record, calibrate, shadow run, Parquet")
CEX: Final = Extra(
    "cex", ("ccxt", "aiohttp", "cryptography"), "up --market live, keys venue, venues check, certify, refresh"
)
EXTRAS: Final = (REPLAY, CEX)


def require(extra: Extra) -> None:
    """Raises CommandError naming what is missing and what to type, before anything has been begun."""
    if extra.missing:
        detail = f"{', '.join(extra.missing)} not installed: {extra.fix}"
        raise CommandError(Exit.USAGE, detail, {"code": "extra_missing", "detail": detail})
