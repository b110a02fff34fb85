/* The C twin of app/kernels: lay_levels and merge_levels for one symbol, the same numbers in the same order.
 * Built by loadtests/kernels.py where a compiler exists; it is a yardstick, no part of the product. */
#include <math.h>
#include <stdint.h>

#define N_TERMS 12
#define FEE_PPM 0
#define LIMIT_UNITS 8
#define EST_PPM 11
#define SIDE 0
#define SIGN 1
#define IS_INVERSE 4

static void sift_down(int64_t *heap, double *key, int64_t size, int64_t start) {
    const int64_t venue = heap[start];
    const double at = key[start];
    int64_t node = start;
    for (;;) {
        int64_t child = 2 * node + 1;
        if (child >= size) break;
        const int64_t other = child + 1;
        if (other < size && (key[other] < key[child] || (key[other] == key[child] && heap[other] < heap[child])))
            child = other;
        if (key[child] > at || (key[child] == at && heap[child] > venue)) break;
        heap[node] = heap[child];
        key[node] = key[child];
        node = child;
    }
    heap[node] = venue;
    key[node] = at;
}

/* How many of a sorted side's first prices are not beyond the limit (0: none is). */
static int64_t n_within(const int64_t *price, int64_t count, int64_t limit, int64_t side) {
    if (limit == 0 || count == 0 || (price[count - 1] - limit) * side <= 0) return count;
    int64_t low = 0, high = count - 1;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if ((price[middle] - limit) * side > 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* price, qty: int64[n_books][2][depth]; n_levels: int64[n_books][2]; terms: int64[n][N_TERMS]; rows: int64[n].
 * out_reach: highest and lowest price, all units laid, best bid, best ask. Returns levels laid. */
int64_t lay(const int64_t *restrict price, const int64_t *restrict qty, const int64_t *n_levels, const int64_t *rows,
            int64_t n, int64_t depth, const int64_t *terms, const int64_t *rule, double ratio,
            int64_t *restrict out_price, int64_t *restrict out_qty, double *restrict out_unit, int64_t *out_first,
            int64_t *out_seen, double *out_reach) {
    const int64_t side = rule[SIDE];
    const int64_t side_i = side > 0 ? 1 : 0;
    int64_t level = 0;
    double highest = 0.0, lowest = INFINITY, units = 0.0, best_bid = 0.0, best_ask = 0.0;
    for (int64_t v = 0; v < n; v++) {
        const int64_t row = rows[v];
        const double factor = (double)rule[SIGN] + (double)(terms[v * N_TERMS + FEE_PPM] + terms[v * N_TERMS + EST_PPM]) * 1e-6;
        const int64_t *p = price + (row * 2 + side_i) * depth;
        const int64_t *q = qty + (row * 2 + side_i) * depth;
        const double bid = (double)price[row * 2 * depth], ask = (double)price[(row * 2 + 1) * depth];
        out_first[v] = level;
        if (n_levels[row * 2] > 0 && bid > best_bid) best_bid = bid;
        if (n_levels[row * 2 + 1] > 0 && (best_ask == 0.0 || ask < best_ask)) best_ask = ask;
        const int64_t count = n_within(p, n_levels[row * 2 + side_i], terms[v * N_TERMS + LIMIT_UNITS], side);
        out_seen[v * 2] = p[0];
        out_seen[v * 2 + 1] = n_levels[row * 2 + side_i] - count;
        if (count == 0) continue;
        int64_t sum = 0;
        for (int64_t i = 0; i < count; i++) {
            out_price[level + i] = p[i];
            out_qty[level + i] = q[i];
            out_unit[level + i] = (ratio * (double)p[i]) * factor;
            sum += q[i];
        }
        if (rule[IS_INVERSE])
            for (int64_t i = 0; i < count; i++) out_unit[level + i] = ratio / (double)p[i] * factor;
        units += (double)sum;
        const double first_price = (double)p[0], last_price = (double)p[count - 1];
        if (first_price > highest) highest = first_price;
        if (last_price > highest) highest = last_price;
        if (first_price < lowest) lowest = first_price;
        if (last_price < lowest) lowest = last_price;
        level += count;
    }
    out_first[n] = level;
    out_reach[0] = highest;
    out_reach[1] = lowest;
    out_reach[2] = units;
    out_reach[3] = best_bid;
    out_reach[4] = best_ask;
    return level;
}

int64_t merge(const int64_t *first, const double *key, const int64_t *qty, const int64_t *room, int64_t n,
              int64_t target, int64_t *work, double *heap_key, int64_t *out_units) {
    int64_t *heap = work, *cursor = work + n;
    int64_t size = 0, left = target, last = -1;
    for (int64_t v = 0; v < n; v++) {
        out_units[v] = 0;
        cursor[v] = first[v];
        if (first[v] < first[v + 1] && room[v] > 0) {
            heap[size] = v;
            heap_key[size++] = key[first[v]];
        }
    }
    for (int64_t node = size / 2 - 1; node >= 0; node--) sift_down(heap, heap_key, size, node);
    while (size > 0 && left > 0) {
        const int64_t v = heap[0];
        int64_t i = cursor[v];
        int64_t take = qty[i];
        if (room[v] - out_units[v] < take) take = room[v] - out_units[v];
        if (left < take) take = left;
        if (take > 0) last = i;
        out_units[v] += take;
        left -= take;
        cursor[v] = ++i;
        if (i < first[v + 1] && out_units[v] < room[v]) {
            heap_key[0] = key[i];
        } else {
            size--;
            heap[0] = heap[size];
            heap_key[0] = heap_key[size];
        }
        if (size > 0) sift_down(heap, heap_key, size, 0);
    }
    return last;
}

/* `rounds` whole decisions in one call, so that the caller's own cost of a call does not count. */
int64_t decide(int64_t rounds, const int64_t *price, const int64_t *qty, const int64_t *n_levels, const int64_t *rows,
               int64_t n, int64_t depth, const int64_t *terms, const int64_t *rule, double ratio, const int64_t *room,
               int64_t target, int64_t *flat_price, int64_t *flat_qty, double *unit, int64_t *first, int64_t *seen,
               double *reach, int64_t *work, double *heap_key, int64_t *out_units) {
    int64_t sum = 0;
    for (int64_t r = 0; r < rounds; r++) {
        lay(price, qty, n_levels, rows, n, depth, terms, rule, ratio, flat_price, flat_qty, unit, first, seen, reach);
        sum += merge(first, unit, flat_qty, room, n, target, work, heap_key, out_units);
    }
    return sum;
}
