"""What a careful FastAPI service costs for the same body when it does nothing: the yardstick of `bestex bench`.

A pydantic model, three dependencies, a JSON answer. No risk, no routing, no journal, no venue.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Annotated, Literal

import uvicorn
from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel, Field


class Order(BaseModel):
    client_order_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    symbol: str
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"]
    qty: Decimal
    limit_price: Decimal | None = None
    time_in_force: Literal["gtc", "ioc", "fok", "gtd"] = "gtc"
    max_slippage_bps: Decimal | None = None


class Placed(Order):
    order_id: str
    status: str


def token(authorization: Annotated[str, Header()]) -> str:
    return authorization.removeprefix("Bearer ")


def account(key: Annotated[str, Depends(token)]) -> str:
    return key[:8]


def request_id(account_name: Annotated[str, Depends(account)]) -> str:
    return f"req-{account_name}"


app = FastAPI()


@app.post("/v1/orders", status_code=201)
async def place(
    order: Order, who: Annotated[str, Depends(account)], rid: Annotated[str, Depends(request_id)]
) -> Placed:
    return Placed(**order.model_dump(), order_id=f"{who}-{rid}", status="new")


@app.get("/readyz")
async def readyz() -> dict[str, bool]:
    return {"ready": True}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", loop="uvloop", http="httptools")
