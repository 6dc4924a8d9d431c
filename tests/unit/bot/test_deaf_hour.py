"""FT64 and FT74 together: a refused token, then silence, while the market goes on."""

import itertools

from desks import FakeDesk, settle
from talk import outbox, running, words_of
from telegram_wire import OWNER, Wire, no_network, refuse

from bot.ear import Ear
from bot.gate import Gate, Role
from bot.outbox import BACKOFF_MAX_S
from bot.sender import TOKEN_WAIT_S
from bot.warden import Warden
from bot.watchdog import Alarm, Watchdog
from builders import fill
from engine.core import facts as f

REVOKED_S, DEAF_S = 600.0, 3600.0
REVOKED = refuse(401, "Unauthorized")


def filled(number: int) -> f.OrderFilled:
    return f.OrderFilled(number, fill(order_id=f"o{number}", id=str(number)))


class Hour:
    """Telegram by the desk's clock; every try finds that the market went on."""

    def __init__(self) -> None:
        self.desk, self.wire = FakeDesk(), Wire()
        self.box = outbox(self.desk, self.wire)
        self.ear = Ear(self.wire, self.desk.now_real)
        gate, dog = Gate({OWNER: Role.OWNER}), Watchdog(self.ear, self.desk.now_real)
        self.warden = Warden(self.desk, gate, self.box, dog)
        self.ear.heard_s = self._start_s = self.desk.now_real()
        self._start_ms = self.desk.shown.at_ms
        self._numbers = itertools.count()
        self.alarms: set[str] = set()
        self.wire.faults["sendMessage"] = [self._answer]

    def trade(self) -> None:
        """The engine has news, and waits for nobody."""
        self.desk.tell(filled(next(self._numbers)))

    def _answer(self) -> tuple[int, object]:
        lived_s = self.desk.now_real() - self._start_s
        self.desk.show(at_ms=self._start_ms + int(lived_s * 1000))
        if lived_s >= DEAF_S:
            return 200, self.wire._done("sendMessage", self.wire.calls[-1][1])
        self.wire.faults["sendMessage"].append(self._answer)
        self.trade()
        self.warden.look()
        self.alarms.update(self.warden.failing)
        return REVOKED() if lived_s < REVOKED_S else no_network()


async def test_an_hour_refused_and_deaf_is_told_late_once_and_in_order() -> None:
    hour = Hour()
    async with running(hour.box) as box:
        hour.trade()
        for _ in range(20):
            await settle()
        assert box.depth == 0
        assert hour.alarms == {f"chat ({Alarm.DEAF.value})"}
        hour.ear.heard_s = hour.desk.now_real()
        hour.warden.look()
        await settle()
    told = [seq for seq, _, _ in hour.desk.told]
    assert told == [r.seq for r in hour.desk.journal if isinstance(r.fact, f.OrderFilled)]
    assert len(told) > REVOKED_S / TOKEN_WAIT_S + (DEAF_S - REVOKED_S) / BACKOFF_MAX_S > 50
    said = words_of(hour.wire)
    assert said[-1].startswith("✅ I hear you again")
    assert [words for words in said if words.endswith("1h00 late")]
