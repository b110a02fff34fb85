"""What an order would cost and where it would go, without placing it and without any venue call."""

from __future__ import annotations

from app.domain.enums import Mode
from app.domain.orders import ParentOrder
from app.execution.preview import Preview
from app.services.engine import Engine
from app.services.submit import body_hash


class EstimateService:
    """One use case: preview."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def preview(self, order: ParentOrder, mode: Mode) -> Preview:
        """The gate's checks and, where they allow it, the verified plan on the books of this instant."""
        return self._engine.preview(order, mode)

    def preview_key(self, order: ParentOrder) -> str:
        """What identifies the intent of a preview: the canonical hash of its body."""
        return body_hash(order)
