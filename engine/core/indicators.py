"""Candle features as pure functions: `(..., bars)` float64 in, the same shape out.

They exist once for live, paper and history: each value depends on a finite window and every float
sum adds oldest to newest, so a batch of symbols, a single symbol and a long history give the same
bits. No function may look ahead, smooth recursively or replace NaN (= unknown) by a number.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Times = NDArray[np.int64]
Indices = NDArray[np.int64]

LOOKBACK = 300  # bars: nothing older may change a decision
ATR_N = 14
VOLUME_N = 20
VWAP_N = 20
ACTIVITY_SHORT, ACTIVITY_BASE = 5, 15
BB_N = 20
BB_RANK_N = 200
SLOPE_N = 10
CORR_N = 240
CORR_PAIRS_MIN = 216
EMA_TAPS = 36  # of the EMA of 9; the cut tail weighs 0.03 %
EMA_KEEP = 0.8  # 1 - 2/(9 + 1)
OBV_N = 12
QUARTER_MS = 900_000


def _unknown(x: Floats) -> Floats:
    return np.full(x.shape, np.nan)


def _lag(x: Floats, n: int) -> Floats:
    """`x` as it was `n` bars ago."""
    out = _unknown(x)
    out[..., n:] = x[..., : max(x.shape[-1] - n, 0)]
    return out


def _ratio(a: Floats, b: Floats) -> Floats:
    """`a / b`, NaN where `b` is 0: a division by nothing is unknown, not infinite."""
    return np.divide(a, b, out=_unknown(a), where=b != 0)


def places(is_so: Bools) -> tuple[Indices, Indices]:
    """Row and column of each True of a matrix, as `np.nonzero` in a third of its time."""
    flat = np.flatnonzero(is_so)
    row = flat // (is_so.shape[-1] or 1)  # by one number: far faster than np.divmod
    return row, flat - row * is_so.shape[-1]


def osum(x: Floats, n: int) -> Floats:
    """Sum of the last `n` values, added oldest to newest; NaN inside propagates."""
    out = _unknown(x)
    if x.shape[-1] >= n:
        m = x.shape[-1] - n + 1
        acc = x[..., :m].copy()
        for i in range(1, n):
            acc += x[..., i : i + m]
        out[..., n - 1 :] = acc
    return out


def sma(x: Floats, n: int) -> Floats:
    """Mean of the last `n` values."""
    return osum(x, n) / n


def ema9(close: Floats) -> Floats:
    """Exponential mean of 9, cut to 36 weights so that it forgets."""
    out = _unknown(close)
    weights = [1.0]
    while len(weights) < EMA_TAPS:
        weights.insert(0, EMA_KEEP * weights[0])
    if close.shape[-1] >= EMA_TAPS:
        m = close.shape[-1] - EMA_TAPS + 1
        acc, total = np.zeros((*close.shape[:-1], m)), 0.0
        for i, weight in enumerate(weights):
            acc = acc + weight * close[..., i : i + m]
            total += weight
        out[..., EMA_TAPS - 1 :] = acc / total
    return out


def obv12(close: Floats, volume: Floats) -> Floats:
    """Volume of the last 12 bars, counted with the sign of each bar's change of close."""
    return osum(np.sign(close - _lag(close, 1)) * volume, OBV_N)


def highest(x: Floats, n: int) -> Floats:
    """Maximum of the last `n` values, the present one included."""
    out = _unknown(x)
    if x.shape[-1] >= n:
        acc, width = x, 1
        while width < n:
            step = min(width, n - width)
            acc = np.maximum(acc[..., step:], acc[..., :-step])
            width += step
        out[..., n - 1 :] = acc
    return out


def close_high(close: Floats, n: int) -> Floats:
    """Maximum of the `n` closes before this bar."""
    return _lag(highest(close, n), 1)


def close_low(close: Floats, n: int) -> Floats:
    """Minimum of the `n` closes before this bar."""
    return -close_high(-close, n)


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Range of the bar, extended to the close before; unknown on the first bar."""
    out = _unknown(close)
    # The same float as the largest of the three distances, in a third of the steps.
    top = np.maximum(high[..., 1:], close[..., :-1])
    np.subtract(top, np.minimum(low[..., 1:], close[..., :-1]), out=out[..., 1:])
    return out


def atr(high: Floats, low: Floats, close: Floats, n: int = ATR_N) -> Floats:
    """Simple mean of the last `n` true ranges."""
    return osum(true_range(high, low, close), n) / n


def volume_mult(volume: Floats, n: int = VOLUME_N) -> Floats:
    """Volume over the median of the `n` bars before."""
    median = _unknown(volume)
    if volume.shape[-1] >= n:
        # Sorting rows this short takes a quarter of np.median's time; NaN comes last.
        ordered = np.sort(sliding_window_view(volume, n, axis=-1), axis=-1)
        middle = (ordered[..., (n - 1) // 2] + ordered[..., n // 2]) / 2
        median[..., n - 1 :] = np.where(np.isnan(ordered[..., -1]), np.nan, middle)
    return _ratio(volume, _lag(median, 1))


def surge_1h_mult(volume: Floats, hour_bars: int) -> Floats:
    """Volume of the last hour over that of the hour before."""
    hour = osum(volume, hour_bars)
    return _ratio(hour, _lag(hour, hour_bars))


def activity_mult(volume: Floats, short: int = ACTIVITY_SHORT, base: int = ACTIVITY_BASE) -> Floats:
    """Mean volume of the last `short` bars over that of the `base` bars before them."""
    return _ratio(osum(volume, short) / short, _lag(osum(volume, base) / base, short))


def vwap(ohlcv: Floats, n: int = VWAP_N) -> Floats:
    """Mean typical price of the last `n` bars, weighted by volume; `(..., 5, bars)` in."""
    _, high, low, close, volume = (ohlcv[..., i, :] for i in range(5))
    return _ratio(osum((high + low + close) / 3 * volume, n), osum(volume, n))


def turnover_usd_per_min(close: Floats, volume: Floats, hour_bars: int) -> Floats:
    """Quote turnover a minute over the last hour, each bar valued at its close."""
    return osum(close * volume, hour_bars) / 60


def move_1h(close: Floats, atr15_pct: Floats, hour_bars: int) -> Floats:
    """Move of the last hour in 15-minute ATRs, signed."""
    moved = 100 * (_ratio(close, _lag(close, hour_bars)) - 1)
    return _ratio(moved, atr15_pct)


def body_frac(ohlcv: Floats) -> Floats:
    """Body over range of each bar, 0 where there is no range; `(..., 5, bars)` in."""
    opened, high, low, close = (ohlcv[..., i, :] for i in range(4))
    size = high - low
    share = _ratio(np.abs(close - opened), size)
    share[size == 0] = 0.0
    return share


def slope_pct(close: Floats, n: int = SLOPE_N) -> Floats:
    """Steepness of the approach, percent a bar over the `n` bars before this one."""
    start, end = _lag(close, n + 1), _lag(close, 1)
    return 100 * np.abs(end - start) / start / n


def bb_width_pct(close: Floats, n: int = BB_N) -> Floats:
    """Width of the 2-sigma Bollinger band in percent of its middle; two passes, population."""
    out = _unknown(close)
    if close.shape[-1] >= n:
        m = close.shape[-1] - n + 1
        bars = np.moveaxis(close, -1, 0).copy()  # bars first: each step is one long run of memory
        mean = bars[:m].copy()
        for i in range(1, n):
            mean += bars[i : i + m]
        mean /= n
        acc, deviation = np.zeros(mean.shape), np.empty(mean.shape)
        for i in range(n):
            np.subtract(bars[i : i + m], mean, out=deviation)
            deviation *= deviation
            acc += deviation
        out[..., n - 1 :] = np.moveaxis(100 * 4 * np.sqrt(acc / n) / mean, 0, -1)
    return out


def bb_rank_pct(close: Floats, n: int = BB_N, rank_n: int = BB_RANK_N) -> Floats:
    """Percentile of the band's width among the `rank_n` widths before it; a tie counts half."""
    out = _unknown(close)
    width = bb_width_pct(close, n)[..., n - 1 :]  # before that there is none
    if width.shape[-1] > rank_n:
        before = sliding_window_view(width, rank_n, axis=-1)[..., :-1, :]
        now = width[..., rank_n:, None]
        below = np.count_nonzero(before < now, axis=-1)
        equal = np.count_nonzero(before == now, axis=-1)
        # What is unknown is neither below, equal nor above.
        is_known = below + equal + np.count_nonzero(before > now, axis=-1) == rank_n
        out[..., n - 1 + rank_n :] = np.where(
            is_known, 100 * (below + 0.5 * equal) / rank_n, np.nan
        )
    return out


def pair_corr(x: Floats, y: Floats, least: int = CORR_PAIRS_MIN) -> Floats:
    """Correlation of the simple returns of two markets, -1..1, from closes of the same slots.

    Takes `(..., slots + 1)` closes with NaN where a slot has no bar, returns `(...)`. Unknown
    with fewer than `least` pairs of returns, or when one of the two did not move.
    """
    a, b = x[..., 1:] / x[..., :-1] - 1, y[..., 1:] / y[..., :-1] - 1
    is_pair = ~(np.isnan(a) | np.isnan(b))
    pairs = np.count_nonzero(is_pair, axis=-1)
    if is_pair.size and is_pair.all():  # each market's own deviations serve all its pairs
        a, b = (v - (_total(v) / v.shape[-1])[..., None] for v in (a, b))
    else:
        # A slot that does not count adds 0, which changes no sum.
        a, b = (_deviation(np.where(is_pair, v, 0.0), is_pair, pairs) for v in (a, b))
    spread = np.sqrt(_total(a * a)) * np.sqrt(_total(b * b))
    return np.where(pairs >= least, np.clip(_ratio(_total(a * b), spread), -1, 1), np.nan)


def _deviation(x: Floats, is_counted: Bools, count: Times) -> Floats:
    mean = _ratio(_total(x), count.astype(np.float64))
    return np.where(is_counted, x - mean[..., None], 0.0)


def _total(x: Floats) -> Floats:
    """Sum over the last axis, oldest to newest."""
    if not x.shape[-1]:
        return np.zeros(x.shape[:-1])
    # Accumulating is strictly sequential: the ordered sum, without a Python loop.
    return np.add.accumulate(x, axis=-1)[..., -1]


def swing_highs(x: Floats, k: int) -> Bools:
    """Pivots: above the `k` values before, not below the `k` after; pass `-low` for swing lows."""
    out = np.zeros(x.shape, dtype=np.bool_)
    if x.shape[-1] > 2 * k:
        top, middle = highest(x, k)[..., k - 1 :], x[..., k:-k]
        count = middle.shape[-1]
        is_pivot = middle > top[..., :count]
        is_pivot &= middle >= top[..., k + 1 : k + 1 + count]
        out[..., k:-k] = is_pivot
    return out


def quarter_bars(open_ms: Times, ohlcv: Floats, frame_s: int) -> tuple[Bools, Floats]:
    """Complete 15-minute bars, at the position of their last member.

    Takes `(..., bars)` open times (-1 = no bar) and `(..., 5, bars)` candles; returns where a
    15-minute bar ends, and its O H L C V there, NaN elsewhere.
    """
    members = QUARTER_MS // (1000 * frame_s)
    is_end = np.zeros(open_ms.shape, dtype=np.bool_)
    first = open_ms[..., : max(open_ms.shape[-1] - members + 1, 0)]
    # Open times are unique multiples of the frame: as many bars in one quarter are all of them.
    same = first // QUARTER_MS == open_ms[..., members - 1 :] // QUARTER_MS
    is_end[..., members - 1 :] = same & (first >= 0)
    opened, high, low, close, volume = (ohlcv[..., i, :] for i in range(5))
    merged = (
        _lag(opened, members - 1),
        highest(high, members),
        -highest(-low, members),
        close,
        osum(volume, members),
    )
    return is_end, np.where(is_end[..., None, :], np.stack(merged, axis=-2), np.nan)


def atr15_pct(open_ms: Times, ohlcv: Floats, frame_s: int) -> Floats:
    """ATR14 of the visible 15-minute bars in percent of the close.

    Takes `(..., bars)` open times (-1 = no bar) and `(..., 5, bars)` candles. Unknown unless all
    members of the 15 bars it needs are among the last 300.
    """
    bars = open_ms.shape[-1]
    is_end, quarters = quarter_bars(open_ms, ohlcv, frame_s)
    flat_end = is_end.reshape(-1, bars)
    row, position = np.nonzero(flat_end)
    rank = np.cumsum(flat_end, axis=-1)  # integers: how many 15-minute bars are visible
    packed = np.full((len(flat_end), 3, bars), np.nan)  # their H L C, without the holes
    packed[row, :, rank[row, position] - 1] = quarters.reshape(-1, 5, bars)[row, 1:4, position]
    ended = np.full((len(flat_end), bars), -1)
    ended[row, rank[row, position] - 1] = position
    mean = np.take_along_axis(atr(*np.moveaxis(packed, 1, 0)), np.maximum(rank - 1, 0), axis=-1)
    oldest_end = np.take_along_axis(ended, np.maximum(rank - ATR_N - 1, 0), axis=-1)
    members = QUARTER_MS // (1000 * frame_s)
    is_recent = np.arange(bars) - (oldest_end - members + 1) < LOOKBACK
    value = np.where((rank > ATR_N) & is_recent, mean, np.nan).reshape(open_ms.shape)
    return 100 * value / ohlcv[..., 3, :]
