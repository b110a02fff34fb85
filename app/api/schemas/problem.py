"""The shape of every no: RFC 9457 with our members."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer


class FieldProblem(Answer):
    """One culprit in a request."""

    pointer: str = Field(description="JSON pointer into the body, or `/query/name`.", examples=["/qty"])
    code: str = Field(examples=["increment"])
    limit: str = Field(description="What is allowed.", examples=["0.00001"])
    actual: str = Field(description="What came.", examples=["0.100000000000000001"])
    unit: str = Field(examples=["BTC"])
    hint: str = Field(description="The way out.", examples=["Use 0.1 or 0.10001."])


class Problem(Answer):
    """Why there is no other answer, and what is certain about the outcome."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="The code's page on this host.", examples=["/errors/min-notional"])
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(examples=["min_notional"])
    request_id: str
    outcome: Literal["none", "placed", "unknown"] = Field(description="Whether anything was placed.")
    retryable: bool
    errors: list[FieldProblem]
