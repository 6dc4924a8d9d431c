"""Parameters of a private request, read strictly: queries bring texts, bodies bring JSON values.

It exists so that a bad parameter gets one clear refusal. It must never guess what was meant.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.core.values import Ms
from engine.sim.venue_rest import PARAMETER_ERROR, Refused

TRIGGERS_BY = ("LastPrice", "MarkPrice", "IndexPrice")
WEEK_MS = 7 * 86_400_000


class Asked:
    """One request's parameters; absent, null and empty are the same."""

    def __init__(self, params: Mapping[str, Any], *, is_categorized: bool) -> None:
        self._params = {k: v for k, v in params.items() if v is not None and v != ""}
        if self.text("category", "" if is_categorized else "linear") != "linear":
            raise Refused(PARAMETER_ERROR, "params error: Category is invalid")

    def __contains__(self, name: str) -> bool:
        return name in self._params

    def text(self, name: str, default: str = "") -> str:
        """A text; numbers are refused."""
        value = self._params.get(name, default)
        if not isinstance(value, str):
            raise invalid(name)
        return value

    def one_of(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """One of the names the exchange knows."""
        value = self.text(name, default)
        if value not in allowed:
            raise invalid(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A finite number that is not negative, given as text; None if absent."""
        text = self.text(name)
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise invalid(name) from None
        if not number.is_finite() or number < 0:
            raise invalid(name)
        return number

    def positive(self, name: str) -> Decimal | None:
        """As `decimal`; the exchange reads 0 as absent."""
        return self.decimal(name) or None

    def whole(self, name: str, default: int = 0) -> int:
        """An integer that is not negative, as such or as text."""
        value = self._params.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise invalid(name)
        return value

    def flag(self, name: str) -> bool:
        """A truth value, as such or as text; false if absent."""
        value = self._params.get(name, False)
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise invalid(name)
        return value

    def window(self, now_ms: Ms, span_ms: Ms = WEEK_MS) -> tuple[Ms, Ms]:
        """`startTime` and `endTime`, at most 7 days apart; the last `span_ms` by default."""
        if "startTime" in self:
            start = self.whole("startTime")
            end = self.whole("endTime", start + span_ms)
        else:
            end = self.whole("endTime", now_ms)
            start = end - span_ms
        if not 0 <= end - start <= WEEK_MS:
            raise Refused(PARAMETER_ERROR, "params error: The time range is over 7 days")
        return start, end


def invalid(name: str) -> Refused:
    """What the exchange says of a parameter it cannot read."""
    return Refused(PARAMETER_ERROR, f"params error: {name} invalid")
