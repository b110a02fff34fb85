"""Who is who where no service runs: what replays, shadows and calibrations of files are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.bootstrap import make_core
from app.domain.enums import Mode
from app.domain.errors import BadRequest
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.universe import Universe
from app.execution.context import Board, Planner
from app.execution.step import Core
from app.kernels import jit
from app.learning.artifact import calibration_text
from app.learning.pretrade_artifact import pretrade_text
from app.routing.choose import SOLVERS
from app.routing.router import Router
from app.services.calibrate import calibrate
from app.services.calibration import calibration_report
from app.services.pretrade import fit_own
from app.services.replay import ReplayRequest, replay
from app.services.replay_protocol import OWN_ARM, load_protocol
from app.services.shadow_replay import ShadowRequest, shadow_text
from app.shm.books import BookBoard
from app.store.journal import JournalReader
from app.store.memory import MemoryJournal
from app.venues.replay import ReplayVenue

# Rival of a replay -> the one solver it plans with; Bestex itself plans with all of them.
REPLAY_SOLVERS = {"A0": "best_single_venue", "A1": "pro_rata", "A2": "fee_blind", "A3": "fee_aware_greedy"}
REPLAY_DEPTH = 8_192  # a recorded book is kept whole


class ReplayBuilder:
    """What a market replay runs on: the product's own core, router, judge, books and log."""

    def board(self, listings: Sequence[tuple[str, str]]) -> BookBoard:
        return BookBoard(list(listings), depth=REPLAY_DEPTH)

    def core(self, universe: Universe, board: Board, planner: Planner) -> Core:
        return make_core(universe, board, Mode.PAPER, planner)

    def planner(self, arm: str) -> Planner:
        if arm == OWN_ARM:
            return Router()
        return Router([(name, solve) for name, solve in SOLVERS if name == REPLAY_SOLVERS[arm]], searches=())

    def log(self) -> MemoryJournal:
        return MemoryJournal()

    def matcher(self, instrument: Instrument, symbol: Symbol, fee: FeeTier) -> ReplayVenue:
        return ReplayVenue(instrument, symbol, fee)


def replay_markets(path: Path, request: ReplayRequest) -> str:
    """`bestex replay`: the result as Markdown. Raises BadRequest, and ImportError without the extra `replay`."""
    from app.store.recording import open_recording  # pyarrow belongs to the extra

    jit.warm(need=jit.SOON)  # no plan of a replay depends on when a solver was compiled
    return replay(open_recording(path), request, load_protocol(), ReplayBuilder())


def shadow_markets(path: Path, request: ShadowRequest) -> str:
    """`bestex shadow`: the result as Markdown. Raises as `replay_markets` does."""
    from app.store.recording import open_recording  # pyarrow belongs to the extra

    jit.warm(need=jit.SOON)
    return shadow_text(open_recording(path), request, load_protocol(), ReplayBuilder())


def calibrate_orders(path: Path) -> tuple[str, str]:
    """`bestex calibrate journal.db`: (report, law as TOML) of the finished orders of a log. Raises BadRequest."""
    if not path.is_file():
        raise BadRequest("bad_calibration", f"There is no journal at {path.name}.")
    reader = JournalReader(path)
    try:
        report, law = fit_own(reader.replay(), "finished orders of this desk's own log")
    finally:
        reader.close()
    return report, pretrade_text(law)


def calibrate_markets(path: Path, symbol: str = "") -> tuple[str, str]:
    """`bestex calibrate`: (report as Markdown, parameters as TOML). Raises as `replay_markets` does."""
    from app.store.recording import open_recording  # pyarrow belongs to the extra

    jit.warm()
    found = calibrate(open_recording(path), ReplayBuilder(), symbol)
    return calibration_report(found), calibration_text(found)
