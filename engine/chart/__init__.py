"""Pictures for a phone: candles with a trade's geometry, the equity curve, the results in R.

They exist because a picture answers "why here?" faster than a table. They must never decide
anything, never read the clock and never show a value that nobody recorded.
"""

from engine.chart.drawing import render
from engine.chart.frames import Candles, merged
from engine.chart.pictures import (
    HEIGHT,
    WIDTH,
    CandleChart,
    EquityChart,
    Kind,
    Line,
    Mark,
    Picture,
    RHistogram,
)
from engine.chart.scales import frame_name

__all__ = [
    "HEIGHT",
    "WIDTH",
    "CandleChart",
    "Candles",
    "EquityChart",
    "Kind",
    "Line",
    "Mark",
    "Picture",
    "RHistogram",
    "frame_name",
    "merged",
    "render",
]
