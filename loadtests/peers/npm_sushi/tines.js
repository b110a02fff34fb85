// Routes cases of the family `dex` with @sushiswap/tines and says how long a query takes.
//
//   node tines.js CASES.json OUT.json   -> {case id: {ms_median, cpu_ms_median, out_reported, legs, n_legs}}
//   node tines.js --serve CASES.json    one line in, "case-id n", one line out: n queries' {id, cpu_ms, ms} or {id, error}
//
// A case with a kind of pool that the package lacks (weighted) is left out, never routed without those pools.
// CPU is that of the whole process, so collection and compilation count, as they do for any server.

'use strict'

const fs = require('fs')
const tines = require('@sushiswap/tines')

const WEI = 1e18
const FLOWS = 100 // what the package itself takes at gas price 0
const MIN_TICK = -887272
const MAX_TICK = 887271

const wei = (amount) => BigInt(Math.round(amount * WEI))

function tokensOf(names) {
  return names.map((name, i) => ({
    name: `${name}`,
    symbol: `${name}`,
    address: `token_${i}`,
    decimals: 18,
    chainId: 1,
  }))
}

// Liquidity between the ends of each range, so that the package's own depth checks see true reserves.
function reservesOf(ticks, price) {
  let liquidity = 0
  let reserve0 = 0
  let reserve1 = 0
  for (let i = 0; i + 1 < ticks.length; i++) {
    liquidity += Number(ticks[i][1])
    const low = Math.sqrt(1.0001 ** ticks[i][0])
    const high = Math.sqrt(1.0001 ** ticks[i + 1][0])
    const at = Math.min(Math.max(price, low), high)
    reserve0 += liquidity * (1 / at - 1 / high)
    reserve1 += liquidity * (at - low)
  }
  return [BigInt(Math.round(reserve0)), BigInt(Math.round(reserve1))]
}

function concentrated(pool, token0, token1) {
  const ticks = pool.ticks.map(([index, net]) => [index, BigInt(net)])
  const price = Number(BigInt(pool.sqrt_price_x96)) / 2 ** 96
  const [reserve0, reserve1] = reservesOf(ticks, price)
  if (ticks[0][0] > MIN_TICK) ticks.unshift([MIN_TICK, 0n])
  if (ticks[ticks.length - 1][0] < MAX_TICK) ticks.push([MAX_TICK, 0n])
  // The package tells ends of ranges from starts by the parity of the tick and keeps liquidity without a sign.
  const signed = ticks.map(([index, net]) => ({
    index,
    DLiquidity: (index / pool.tick_spacing) % 2 === 0 ? net : -net,
  }))
  let nearest = 0
  while (nearest + 1 < ticks.length && ticks[nearest + 1][0] <= pool.tick) nearest++
  return new tines.CLRPool(
    pool.id,
    token0,
    token1,
    pool.fee_bps / 1e4,
    pool.tick_spacing,
    reserve0,
    reserve1,
    BigInt(pool.liquidity),
    BigInt(pool.sqrt_price_x96),
    nearest,
    signed,
  )
}

function poolOf(pool, tokens) {
  const [token0, token1] = pool.tokens.map((i) => tokens[i])
  const fee = pool.fee_bps / 1e4
  if (pool.type === 'v3') return concentrated(pool, token0, token1)
  const [reserve0, reserve1] = pool.reserves.map(wei)
  if (pool.type === 'cp') return new tines.ConstantProductRPool(pool.id, token0, token1, fee, reserve0, reserve1)
  if (pool.type === 'stable') return new tines.CurvePool(pool.id, token0, token1, fee, pool.amp, reserve0, reserve1)
  throw new Error(`not supported: ${pool.type}`)
}

function prepare(problem) {
  const tokens = tokensOf(problem.tokens)
  const pools = problem.pools.map((pool) => poolOf(pool, tokens))
  const from = tokens[problem.token_in]
  const to = tokens[problem.token_out]
  const amount = wei(problem.amount_in)
  return { tokens, query: () => tines.findMultiRouteExactIn(from, to, amount, pools, from, 0, FLOWS) }
}

function answer(prepared) {
  const route = prepared.query()
  const index = new Map(prepared.tokens.map((token, i) => [token.address, i]))
  const legs = route.legs.map((leg) => [
    leg.poolAddress,
    index.get(leg.tokenFrom.address),
    index.get(leg.tokenTo.address),
    leg.assumedAmountIn / WEI,
  ])
  return { out_reported: route.amountOut / WEI, legs, n_legs: legs.length }
}

function timed(prepared, n) {
  const started = process.hrtime.bigint()
  const before = process.cpuUsage()
  for (let i = 0; i < n; i++) prepared.query()
  const used = process.cpuUsage(before)
  return { ms: Number(process.hrtime.bigint() - started) / 1e6 / n, cpu_ms: (used.user + used.system) / 1e3 / n }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

function measure(prepared) {
  for (let i = 0; i < 30; i++) prepared.query()
  const rounds = Array.from({ length: 15 }, () => timed(prepared, 5))
  return { ms_median: median(rounds.map((r) => r.ms)), cpu_ms_median: median(rounds.map((r) => r.cpu_ms)) }
}

function load(path) {
  const problems = JSON.parse(fs.readFileSync(path, 'utf8'))
  const found = new Map()
  for (const problem of problems.cases ?? problems) {
    try {
      found.set(problem.id, prepare(problem))
    } catch (error) {
      found.set(problem.id, { error: error.message })
    }
  }
  return found
}

function serve(path) {
  const found = load(path)
  require('readline')
    .createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [id, n] = line.split(' ')
      const prepared = found.get(id)
      const reply = prepared.error ? { error: prepared.error } : n === '0' ? answer(prepared) : timed(prepared, Number(n))
      process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`)
    })
}

function main([first, second]) {
  if (first === '--serve') return serve(second)
  const results = {}
  for (const [id, prepared] of load(first)) {
    if (!prepared.error) results[id] = { ...measure(prepared), ...answer(prepared) }
  }
  fs.writeFileSync(second, JSON.stringify(results))
}

main(process.argv.slice(2))
