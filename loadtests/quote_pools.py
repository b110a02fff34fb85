"""Recorded pool states as our own pools."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from app.domain.pools import balancer_v3 as vault
from app.domain.pools.concentrated import Concentrated, Liquidity, SqrtPriceX96, Tick, concentrated
from app.domain.pools.curve import Amplification, CurveFee, CurveStable, CurveUnderlying
from app.domain.pools.curve_crypto import CurveCrypto
from app.domain.pools.fixed_point import ONE, Wad
from app.domain.pools.pool import Pool, TwoWayPool, amount_out_wei
from app.domain.pools.reclamm import Shift, VirtualCurve, shifted
from app.domain.pools.stable import Amp, Invariant, Stable
from app.domain.pools.weighted import Weighted

# How Curve's contracts are told apart in the recorded states: 2 takes the fee at the end, 3 prices raw balances.
LATE_FEE, RAW_BALANCES = 2, 3
STANDARD = 1


def concentrated_pool(state: dict[str, Any]) -> Concentrated:
    scalars = state["scalars"]
    return concentrated(
        (SqrtPriceX96(scalars["sqrt_price_x96"]), Tick(scalars["tick"]), Liquidity(scalars["liquidity"])),
        fee_ppm=scalars["fee"],
        tick_spacing=Tick(scalars["tick_spacing"]),
        nets=[(int(tick), net) for tick, (gross, net, _) in state["tick_data"].items() if gross],
    )


def probe_pool(fixture: dict[str, Any]) -> Concentrated:
    return concentrated(
        (SqrtPriceX96(int(fixture["sqrt_price_x96"])), Tick(fixture["tick"]), Liquidity(int(fixture["liquidity"]))),
        fee_ppm=fixture["fee"],
        tick_spacing=Tick(fixture["tick_spacing"]),
        nets=[(0, int(fixture["tick_0_net_liquidity"]))],
    )


def kind_of(file: str, method: str) -> str:
    if "camelot" in file:
        return "Camelot v2"
    if "/balancer/" in file:
        return "Balancer v2 stable" if "stable" in file else "Balancer v2 weighted"
    name = next(name for name in ("tricrypto", "tripool", "metapool") if name in file)
    return f"Curve {name}" + ("" if method == "get_dy" else f" {method}")


def balancer_pool(state: dict[str, Any]) -> Pool:
    fee = Wad(int(Fraction(state["fee"]) * ONE))
    balances = tuple(state["balances"])
    if "weights" in state:
        decimals = tuple(token["decimals"] for token in state["tokens"])
        weights = tuple(Wad(weight) for weight in state["weights"])
        return Weighted(balances, weights, decimals, fee, has_short_powers=state["pow_version"] != "v1")
    factors = tuple(Wad(factor) for factor in state["resolved_scaling_factors"])
    # The pool with its own token among its tokens is the later contract.
    form = Invariant.PRODUCT_UP if state["bpt_idx"] is None else Invariant.QUOTIENT
    return Stable(balances, factors, fee, Amp(state["amp"]), form, state["bpt_idx"])


def plain_curve(state: dict[str, Any]) -> CurveStable:
    return CurveStable(
        tuple(state["balances"]),
        tuple(10 ** (36 - token["decimals"]) for token in state["tokens"]),
        Amplification(state["a_coefficient"]),
        1,
        CurveFee(state["fee"]),
        has_late_fee=state["strategies"]["swap_style"] == LATE_FEE,
        supply_wei=state["lp_token_total_supply"],
    )


def meta_curve(state: dict[str, Any]) -> CurveStable:
    return CurveStable(
        tuple(state["balances"]),
        (state["redemption_price"], state["base_virtual_price"]),
        Amplification(state["initial_a"]),
        100,
        CurveFee(state["fee"]),
        has_late_fee=False,
    )


def crypto_curve(state: dict[str, Any]) -> CurveCrypto:
    return CurveCrypto(
        tuple(state["balances"]),
        tuple(10 ** (18 - token["decimals"]) for token in state["tokens"]),
        tuple(Wad(price) for price in state["price_scale"]),
        state["d"],
        Amplification(state["a_coefficient"]),
        Wad(state["gamma"]),
        CurveFee(state["mid_fee"]),
        CurveFee(state["out_fee"]),
        Wad(state["fee_gamma"]),
    )


def curve_question(state: dict[str, Any], question: list[str]) -> Callable[[], int]:
    method, wei = question[0], int(question[-1])
    if method == "calc_token_amount":
        return lambda: plain_curve(state).shares_for(int(question[2].partition("=")[2]), wei)
    if method == "calc_withdraw_one_coin":
        return lambda: plain_curve(state).withdrawn_wei(int(question[1].partition("=")[2]), wei)
    tokens = state["tokens"]
    pool: Pool
    if method == "get_dy_underlying":
        tokens = state["tokens_underlying"]
        pool = CurveUnderlying(meta_curve(state), plain_curve(state["base_pool"]))
    elif "base_pool" in state:
        pool = meta_curve(state)
    else:
        pool = crypto_curve(state) if "gamma" in state else plain_curve(state)
    in_i, out_i = ([token["symbol"] for token in tokens].index(symbol) for symbol in question[1].split("->"))
    return lambda: amount_out_wei(pool, in_i, out_i, wei)


def probe_curve(probe: dict[str, Any]) -> CurveStable | None:
    given = probe["inputs"]
    if given["swap_style"] not in {STANDARD, RAW_BALANCES}:
        return None
    rates = [int(rate) for rate in given["resolved_rates"]]
    if given["swap_style"] == RAW_BALANCES:
        rates = [ONE] * given["n_coins"]
    if given["metapool"]:
        rates = [ONE, int(given["virtual_price"])]
    return CurveStable(
        tuple(int(balance) for balance in given["balances"]),
        tuple(rates),
        Amplification(int(given["amp"])),
        int(given["a_precision"]),
        CurveFee(int(given["fee"])),
        has_late_fee=False,
    )


def vault_pool(state: dict[str, Any]) -> TwoWayPool | None:
    """A pool of Balancer's third version; None for a kind that is not built."""
    if state["poolType"] == "Buffer":
        return vault.Buffer(Wad(int(state["rate"])))
    curve = _vault_curve(state)
    if curve is None:
        return None
    rule = None
    if state.get("hook"):
        data = state["hook"]["dynamicData"]
        rule = vault.Surge(Wad(int(data["surgeThresholdPercentage"])), Wad(int(data["maxSurgeFeePercentage"])))
    return vault.VaultPool(
        curve,
        _wads(state["balancesLiveScaled18"]),
        tuple(int(factor) for factor in state["scalingFactors"]),
        _wads(state["tokenRates"]),
        Wad(int(state["swapFee"])),
        rule,
    )


def _vault_curve(state: dict[str, Any]) -> vault.Curve | None:
    match state["poolType"]:
        case "STABLE":
            return vault.StableCurve(Amp(int(state["amp"])))
        case "LIQUIDITY_BOOTSTRAPPING":
            return vault.WeightedCurve(_wads(state["weights"]))
        case "FIXED_PRICE_LBP":
            return vault.FixedPriceCurve(state["projectTokenIndex"], Wad(int(state["projectTokenRate"])))
        case "QUANT_AMM_WEIGHTED":
            return vault.WeightedCurve(_moving_weights(state), Wad(int(state["maxTradeSizeRatio"])))
        case "RECLAMM" | "RECLAMM_V2":
            return _shifted_curve(state)
        case _:
            return None


def _shifted_curve(state: dict[str, Any]) -> VirtualCurve | None:
    now_s, last_s = int(state["currentTimestamp"]), int(state["lastTimestamp"])
    if last_s < int(state["priceRatioUpdateEndTime"]):
        return None
    first, second = _wads(state["lastVirtualBalances"])
    base, margin = _wads([state["dailyPriceShiftBase"], state["centerednessMargin"]])
    shift = Shift(base, margin, is_rounded_down=state["poolType"] == "RECLAMM_V2")
    balances = [int(balance) for balance in state["balancesLiveScaled18"]]
    return VirtualCurve(shifted(balances, (first, second), shift, now_s - last_s))


def _moving_weights(state: dict[str, Any]) -> tuple[Wad, ...]:
    n = len(state["tokens"])
    numbers = [int(number) for number in state["firstFourWeightsAndMultipliers"]]
    now_s = min(int(state["currentTimestamp"]), int(state["lastInteropTime"]))
    return vault.weights_at(numbers[:n], numbers[n : 2 * n], now_s - int(state["lastUpdateTime"]))


def _wads(texts: list[str]) -> tuple[Wad, ...]:
    return tuple(Wad(int(text)) for text in texts)
