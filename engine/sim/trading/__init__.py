"""The private half of the embedded exchange: one trading account and its endpoints."""

from engine.sim.trading.desk import Desk, News, Quirks
from engine.sim.trading.private import Private

__all__ = ["Desk", "News", "Private", "Quirks"]
