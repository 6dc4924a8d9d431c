"""From a picture's contents to its PNG.

It exists so that drawing is loaded only when something is drawn. It must never run on the loop of
the trading process: it takes a tenth of a second.
"""

from engine.chart.pictures import CandleChart, EquityChart, Picture


def render(picture: Picture) -> bytes:
    """The PNG, `WIDTH` x `HEIGHT`; raises ValueError when there is nothing finite to draw."""
    from engine.chart import candle_chart, equity_chart, r_histogram  # noqa: PLC0415 -- dear

    match picture:
        case CandleChart():
            return candle_chart.draw(picture)
        case EquityChart():
            return equity_chart.draw(picture)
        case _:
            return r_histogram.draw(picture)
