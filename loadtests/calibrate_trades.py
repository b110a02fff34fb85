"""Measures how often and how much the recorded markets trade and writes app/venues/simulated_trades.toml.

    python -m loadtests.calibrate_trades [--data FOLDER] [--out FILE]

Measured: trades a second, the mean quantity of one, the spread of its logarithm. The simulated flow is a Poisson
process with lognormal quantities of these: the mean volume is the recorded one; that trades cluster is not in it. Same
data, same bytes. Needs pyarrow.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from loadtests.calibrate_simulated import COINS, DATA, ROOT, SOURCES, Source

OUT = ROOT / "app" / "venues" / "simulated_trades.toml"
_HEAD = """\
# Trades of others on the simulated venues. Written by loadtests/calibrate_trades.py: change the script, not this file.
# Measured on the recorded markets that simulated.toml names: one exchange, one day, minutes. A venue has its `share`.

source = 'simulated'
as_of = '2024-08-08'
"""


@dataclass(frozen=True)
class Flow:
    """Trades a second, mean quantity of one in coins, and the standard deviation of its logarithm."""

    n_trades: int
    trades_per_s: float
    mean_qty: float
    log_sd: float


def measure_flow(data: Path, source: Source) -> Flow:
    """The flow of one recorded market, from its first trade to its last."""
    table = pq.read_table(data / f"{source.file}_trades.parquet")
    decimals = {name: int(table.schema.metadata[f"{name}_decimals".encode()]) for name in ("price", "qty")}
    qty = table["qty"].to_numpy() / 10.0 ** decimals["qty"]
    if source.contract_usd:
        qty = qty * source.contract_usd / (table["price"].to_numpy() / 10.0 ** decimals["price"])
    qty = qty[qty > 0]
    received_ns = table["recv_ns"].to_numpy()
    span_s = float(received_ns[-1] - received_ns[0]) / 1e9
    return Flow(qty.size, qty.size / span_s, float(qty.mean()), float(np.log(qty).std()))


def render(data: Path) -> str:
    """The file's text."""
    parts = [_HEAD]
    for source in SOURCES:
        flow, market = measure_flow(data, source), source.file.split("_")[1]
        parts.append(
            f"[flows.{market}.'{COINS[source.coin][0]}']  # {flow.n_trades} trades of {source.file}\n"
            f"trades_per_s = {flow.trades_per_s:.4g}\nmean_qty = {flow.mean_qty:.4g}\nlog_sd = {flow.log_sd:.4g}\n"
        )
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.write_text(render(given.data))


if __name__ == "__main__":
    main()
