"""The golden candle series of the strategy: S40, G, and mirrors."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

FRAME_MS = 300_000
S40_START_MS = 1_749_999_600_000
G_START_MS = 1_749_999_600_000

_S40 = """
1000 1003 995 1001 280
1001 1002 998 999 110
999 1008 996 1006 130
1006 1020 1002 1016 100
1016 1021 1012 1014 260
1014 1022 1011 1021 190
1021 1022 1017 1021 130
1021 1024 1016 1018 170
1018 1023 1014 1020 280
1020 1022 1009 1012 120
1012 1016 1006 1010 280
1010 1015 998 1003 270
1003 1004 990 995 280
995 999 987 988 270
988 992 984 989 120
989 993 984 989 220
989 993 975 979 120
979 984 977 983 240
983 987 981 986 280
986 989 984 988 210
988 991 984 986 150
986 995 981 994 250
994 1007 993 1002 240
1002 1015 999 1011 230
1011 1019 1008 1016 200
1016 1025 1011 1020 140
1020 1026 1016 1024 280
1024 1027 1020 1024 180
1024 1027 1012 1017 240
1017 1022 1014 1016 90
1016 1022 1012 1017 190
1017 1020 1010 1015 230
1015 1019 1009 1011 170
1011 1013 1001 1002 280
1002 1007 993 996 100
996 999 993 994 240
994 999 982 986 290
986 988 974 979 270
979 989 974 985 90
985 990 984 988 120
"""

_TAIL = (
    (102.00, 103.05, 101.95, 103.00, 5000),
    (103.00, 103.40, 102.90, 103.30, 1500),
    (103.30, 103.35, 102.80, 102.90, 1200),
    (102.90, 102.95, 102.25, 102.35, 1100),
    (102.35, 102.80, 102.30, 102.75, 1300),
)


def s40() -> tuple[Times, Floats]:
    """S40: `(40,)` open times and `(5, 40)` candles."""
    bars = np.array([line.split() for line in _S40.split("\n") if line], float)
    bars[:, :4] /= 10
    return S40_START_MS + FRAME_MS * np.arange(40), bars.T.copy()


def g(bars: int = 305) -> tuple[Times, Floats]:
    """G, cut after `bars`: 300 bars of a triangle wave, then a break at 300 and its retest."""
    j = np.arange(300) + 11
    q, m = j % 20, j // 20
    close = np.where(q <= 10, 98 + 0.4 * q, 102 - 0.4 * (q - 10)).round(2)
    opened = np.concatenate([[102.0], close[:-1]])
    high = np.maximum(opened, close) + 0.10 + np.where(q == 10, 0.05 * (m % 3), 0)
    low = np.minimum(opened, close) - 0.10
    wave = np.stack([opened, high.round(2), low.round(2), close, 1000.0 + 10 * q])
    ohlcv = np.concatenate([wave, np.array(_TAIL, float).T], axis=1)
    return G_START_MS + FRAME_MS * np.arange(bars), ohlcv[:, :bars].copy()


def mirror(ohlcv: Floats, about: float = 200.0) -> Floats:
    """The same candles upside down: `x -> about - x`, high and low swapped."""
    opened, high, low, close, volume = ohlcv
    prices = (about - np.stack([opened, low, high, close])).round(8)
    return np.concatenate([prices, volume[None]])
