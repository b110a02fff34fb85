"""The layout of a simulated world: which array is which in the tuple, and what each column holds.

A world is the tuple (head, venues, laws, forces, book, own, live, queue, reports, prints, shots, event), made by
app/venues/markets/world.py. Prices are ticks of one grid, lots are whole, times are ns from the world's beginning.
"""

from __future__ import annotations

from typing import Final

# Places in the tuple.
HEAD: Final = 0  # int64[HEAD_SIZE]
VENUES: Final = 1  # int64[n_venues, VENUE_SIZE]
LAWS: Final = 2  # float64[n_venues, LAW_SIZE], never written
FORCES: Final = 3  # float64[FORCE_SIZE]
BOOK: Final = 4  # int64[n_venues, 2, LAYERS, WINDOW]: the crowd's lots; slot = price & (WINDOW - 1)
OWN: Final = 5  # int64[n_orders, OWN_SIZE]: our orders; row = number % n_orders
LIVE: Final = 6  # int64[n_venues, 1 + MOST_LIVE]: count, then rows of our resting orders, first come first
QUEUE: Final = 7  # int64[n, QUEUE_SIZE]: what is due, unsorted
REPORTS: Final = 8  # int64[n, REPORT_SIZE]: ring
PRINTS: Final = 9  # int64[n, PRINT_SIZE]: ring
SHOTS: Final = 10  # int64[n_venues, SHOT_ROWS, SHOT_SIZE]: published books, ring
EVENT: Final = 11  # int64[QUEUE_SIZE]: what `deliver` let happen last
SIGNATURE: Final = (
    "Tuple((int64[::1], int64[:,::1], float64[:,::1], float64[::1], int64[:,:,:,::1], int64[:,::1], int64[:,::1], "
    "int64[:,::1], int64[:,::1], int64[:,::1], int64[:,:,::1], int64[::1]))"
)

# Sizes.
WINDOW: Final = 4096
MASK: Final = WINDOW - 1
MOST_VENUES: Final = 16
MOST_LIVE: Final = 255
MOST_REFILLS: Final = 64  # of an iceberg of ours
SHOT_ROWS: Final = 64
SHOT_LEVELS: Final = 50

# No price: below every bid, above every ask.
NO_BID: Final = 0
NO_ASK: Final = 1 << 60
NEVER_NS: Final = 1 << 62

# head
NOW_NS: Final = 0
SEED: Final = 1
SEQ: Final = 2  # of queue rows and priorities
N_QUEUED: Final = 3
DUE_ROW: Final = 4
DUE_NS: Final = 5
N_ORDERS: Final = 6  # numbers given out
N_REPORTS: Final = 7  # written since the beginning
N_REPORTS_READ: Final = 8
N_PRINTS: Final = 9
N_PRINTS_READ: Final = 10
STOP_NS: Final = 11  # advance no further
WANTS_NEWS: Final = 12  # 1: stop when the next report reaches us
IS_FULL: Final = 13  # 1: the queue of due events overflowed: the run is void
N_MESSAGES: Final = 14  # of ours, for the noise of their latency
HEAD_SIZE: Final = 16

# forces: what the venues do to the value behind the prices; a family takes them and sets them to zero.
PUSH_FRAC: Final = 0  # of itself, after fills with us at toxic or leaking venues
FORCE_SIZE: Final = 4

# A venue's columns that never change.
KIND: Final = 0
LATENCY_IN_NS: Final = 1
LATENCY_OUT_NS: Final = 2
LATENCY_DATA_NS: Final = 3
JITTER_NS: Final = 4  # mean of the exponential on top of in and out
PUBLISH_NS: Final = 5
MIN_LOTS: Final = 6  # least order; least execution in a dark venue
PEAK_LOTS: Final = 7  # of the crowd's icebergs
TOXIC_DELAY_NS: Final = 8
HOLD_NS: Final = 9  # a dealer's last look
QUOTE_NS: Final = 10  # a dealer's quote lives so long
# A venue's columns that move.
BEST: Final = 11  # 11 bid, 12 ask: best price at which the crowd shows lots
TOP: Final = 13  # 13 bid, 14 ask: best price at which the crowd has lots of any kind
HALTED_UNTIL_NS: Final = 15  # 0: open
LAST_IN_NS: Final = 16
LAST_OUT_NS: Final = 17
FLOW_LOTS: Final = 18  # signed lots of takers since the family last took it
TAKES: Final = 19  # takers' orders since the family last took it
N_SHOTS: Final = 20
IS_CHANGED: Final = 21  # since the last published book
N_DARK: Final = 22  # arrivals of hidden counter-liquidity
STOCK: Final = 23  # 23 buyers', 24 sellers' lots resting hidden in a dark venue
STOCK_END_NS: Final = 25  # 25, 26: until then
N_HALTS: Final = 27
N_LOOKS: Final = 28
PUBLISH_PHASE_NS: Final = 29
N_OUT: Final = 30  # reports sent, for the noise of their latency
VENUE_SIZE: Final = 32

# laws: a venue's numbers that are not whole
TOXIC_PPM: Final = 0  # the value moves so much against us after a resting fill
FADE_FRAC: Final = 1  # of what is shown leaves before an order of ours arrives
HALTS_PER_S: Final = 2
HALT_S: Final = 3  # mean length
DARK_PER_S: Final = 4  # arrivals of hidden counter-liquidity, both sides together
DARK_MEAN_LOTS: Final = 5
DARK_LIFE_S: Final = 6
DEALER_HALF_PPM: Final = 7  # half spread of a quote of no size
DEALER_SLOPE_PPM: Final = 8  # and so much more for each DARK_MEAN_LOTS
DEALER_TOLERANCE_PPM: Final = 9  # last look: a move against the dealer beyond it is refused
DEALER_REFUSAL_FRAC: Final = 10  # refused for no reason
LEAK_PPM: Final = 11  # the value runs ahead of us after a request that was accepted or refused
LAW_SIZE: Final = 12

# kinds of venues
LIT: Final = 0
DARK: Final = 1
RFQ: Final = 2

# book layers
SHOWN: Final = 0
HIDDEN: Final = 1
RESERVE: Final = 2  # of icebergs: comes into SHOWN, at the end of the queue, when the shown lots are gone
TAG: Final = 3  # the price that the slot stands for
LAYERS: Final = 4
BID: Final = 0
ASK: Final = 1

# own
NUMBER: Final = 0
STATE: Final = 1
VENUE: Final = 2
SIDE: Final = 3  # BID: we buy
FORCE: Final = 4  # time in force
PRICE_TICKS: Final = 5
QTY_LOTS: Final = 6
LEFT_LOTS: Final = 7
VISIBLE_LOTS: Final = 8  # shown now
SHOW_LOTS: Final = 9  # to be shown: 0 hidden, less than the quantity an iceberg
AHEAD_LOTS: Final = 10  # of the crowd, in the queue of our kind (shown or hidden) at our price
LEAST_LOTS: Final = 11  # least execution in a dark venue
PRIORITY: Final = 12
QUOTE_HALF_TICKS: Final = 13
QUOTE_MID_HALF_TICKS: Final = 14
QUOTE_END_NS: Final = 15
OWN_SIZE: Final = 16

# states
FREE: Final = 0
IN_FLIGHT: Final = 1
RESTING: Final = 2
QUOTED: Final = 3
LOOKED_AT: Final = 4
DONE: Final = 5

# times in force
GTC: Final = 0
IOC: Final = 1
FOK: Final = 2
POST_ONLY: Final = 3

# queue
Q_NS: Final = 0
Q_SEQ: Final = 1
Q_KIND: Final = 2
Q_VENUE: Final = 3
Q_A: Final = 4
Q_B: Final = 5
QUEUE_SIZE: Final = 6

# kinds of due events
EV_ORDER: Final = 0  # a: row, b: number
EV_CANCEL: Final = 1
EV_REQUEST: Final = 2
EV_ACCEPT: Final = 3
EV_LOOK: Final = 4
EV_PUSH: Final = 5  # a: ppb of the mid, signed
EV_PUBLISH: Final = 6
EV_DARK: Final = 7
EV_HALT: Final = 8  # a: length in ns
EV_RESUME: Final = 9
EV_AMBIENT_HALT: Final = 10

# reports
R_SEEN_NS: Final = 0
R_NS: Final = 1
R_KIND: Final = 2
R_NUMBER: Final = 3
R_VENUE: Final = 4
R_HALF_TICKS: Final = 5
R_LOTS: Final = 6
R_LEFT: Final = 7
R_IS_MAKER: Final = 8
R_TRADE: Final = 9
R_CODE: Final = 10
R_AHEAD: Final = 11
REPORT_SIZE: Final = 12

# kinds of reports
ACCEPTED: Final = 0
FILLED: Final = 1
CANCELED: Final = 2
CANCEL_REJECTED: Final = 3
REJECTED: Final = 4
QUOTE: Final = 5
DECLINED: Final = 6  # by last look

# codes
NO_CODE: Final = 0
C_HALTED: Final = 1
C_WOULD_TAKE: Final = 2  # post only
C_REMAINDER: Final = 3  # of an IOC
C_NOT_WHOLE: Final = 4  # FOK
C_ASKED: Final = 5  # canceled as asked
C_SELF: Final = 6  # would have traded with ourselves: the resting order goes
C_TOO_MANY: Final = 7  # resting orders
C_BAD: Final = 8  # price, lots or kind
C_ALREADY_DONE: Final = 9
C_EXPIRED: Final = 10  # quote
C_MOVED: Final = 11  # last look: the price moved against the dealer
C_WHIM: Final = 12  # last look: for no reason
C_NO_PRICE: Final = 13  # no lit venue has two sides

# prints
P_NS: Final = 0
P_TRADE: Final = 1
P_VENUE: Final = 2
P_SIGN: Final = 3  # of the taker; 0 in a dark venue
P_HALF_TICKS: Final = 4
P_LOTS: Final = 5
P_OWN_MAKER_LOTS: Final = 6
P_OWN_TAKER: Final = 7  # number of our order + 1, 0: the crowd's
PRINT_SIZE: Final = 8

# shots: time, number, is halted, levels of bids and asks, then prices and lots of bids, of asks
S_NS: Final = 0
S_NUMBER: Final = 1
S_IS_HALTED: Final = 2
S_N_BIDS: Final = 3
S_N_ASKS: Final = 4
S_LEVELS: Final = 5
SHOT_SIZE: Final = S_LEVELS + 4 * SHOT_LEVELS

# Agents of the frame in the noise; a family's agents are numbered from 0 and stay below.
A_LATENCY_IN: Final = 1 << 40
A_LATENCY_OUT: Final = 2 << 40
A_DARK: Final = 3 << 40
A_HALT: Final = 4 << 40
A_DEALER: Final = 5 << 40
