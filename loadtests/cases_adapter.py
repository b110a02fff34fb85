"""What ../shared/cases/score.py loads by path: `python ../shared/cases/score.py --adapter loadtests/cases_adapter.py`.

Every family has its own file `cases_<family>.py`; whatever it defines of score.py's names is offered here.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
if str(FOLDER.parent) not in sys.path:
    sys.path.insert(0, str(FOLDER.parent))

ANSWERS = (
    "route_dex",
    "route_dex_gas",
    "split_cex",
    "schedule_ac",
    "frontier_ac",
    "schedule_vwap",
    "schedule_twap",
    "schedule_pov",
    "place_ck",
    "dark_known",
    "dark_session",
    "find_cycle",
)
FAMILIES = [
    importlib.import_module(f"loadtests.{path.stem}")
    for path in sorted(FOLDER.glob("cases_*.py"))
    if path.stem != Path(__file__).stem
]
for family in FAMILIES:
    globals().update({name: getattr(family, name) for name in ANSWERS if hasattr(family, name)})


def setup() -> None:
    """Each family's own preparation, before anything is timed."""
    for prepared in FAMILIES:
        if hasattr(prepared, "setup"):
            prepared.setup()
