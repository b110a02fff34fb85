"""What a kernel answers: a code, never an exception."""

from __future__ import annotations

from typing import Final

OK: Final = 0
BAD_SHAPE: Final = 1
BAD_LEVELS: Final = 2
OVERFLOW: Final = 3
GAP: Final = 4
CROSSED: Final = 5
