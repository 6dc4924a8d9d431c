"""The panic: lock, cancel, flatten, verify, as one message that is kept true to the end.

It exists because the worst minute has no room for doubt: the lock comes first, a leg that fails
stays on the list and rings, and "verified" is the exchange's own word. It must never wait for
anything before the lock.
"""

from bot import texts
from bot.commands_gates import cancel, failed
from bot.conversation import Ask, Room, Watch, command_id, put
from bot.dialogs import Answer, Choice, Followed, Question, Stage, Tap
from bot.panic import Board
from bot.parsing import Unclear
from bot.views import status
from bot.views.layout import Text
from engine.core.events import Panic
from engine.core.facts import Record
from engine.core.values import GateName

PANIC_TTL_S = 60.0
FOLLOW_S = 1800.0  # how long a checklist is kept up to date
VERIFY_EVERY_S = 2.0
RING_S = 30.0  # between two loud messages while it is not done


async def panic(room: Room, ask: Ask) -> Answer:
    """One red button; typing `now` is the confirmation."""
    if ask.args and (len(ask.args) > 1 or ask.args[0].lower() != "now"):
        raise Unclear("panic takes the word now, or nothing")
    if ask.args and not ask.is_button:
        return await do_panic(room, ask.tap)

    async def act(tap: Tap) -> Answer:
        return await do_panic(room, tap)

    words = texts.panic_question(len(room.desk.view().positions))
    rows = ((Choice(texts.PANIC_NOW, act, "danger"),), (cancel(),))
    return Question(words, rows, PANIC_TTL_S)


async def do_panic(room: Room, tap: Tap) -> Answer:
    """Lock, cancel, flatten: the engine does it in one turn; here it is followed."""
    board = Board(room.desk.view().positions, room.book)
    board.by = tap.caller.by
    watch = Watch(room.desk)
    try:
        result = await put(room.desk, Panic(command_id=command_id(tap), by=tap.caller.by))
    except BaseException:
        watch.close()
        raise
    if result.is_done is False:
        watch.close()
        return failed(result.words, is_known=True)
    chase = _Chase(room, board, watch)
    chase.catch_up(watch.ready())
    return Followed(chase.checklist(), chase.run, watch.close)


def going_on(room: Room) -> Followed | None:
    """The checklist of a panic that the end of the process cut off; None where there is none.

    The engine goes on closing by itself: here somebody is told, and called while it is not done.
    """
    view = room.desk.view()
    lock = next((g for g in view.gates if g.name is GateName.KILL_SWITCH and g.flatten), None)
    if lock is None or not view.positions:
        return None
    board = Board(view.positions, room.book)
    board.by, board.locked_ms = lock.by, lock.since_ms
    watch = Watch(room.desk)
    chase = _Chase(room, board, watch)
    return Followed(chase.checklist(), chase.run, watch.close)


class _Chase:
    """A panic on its way, from the lock to the exchange's word that the account is flat."""

    def __init__(self, room: Room, board: Board, watch: Watch) -> None:
        self._room, self._board, self._watch = room, board, watch
        self._begun_s = room.desk.now_real()
        self._rung_s = self._begun_s
        self._looked_s = 0.0
        self._is_verified = False
        self._shown: tuple[str, bool] = ("", False)

    @property
    def _age_s(self) -> float:
        return self._room.desk.now_real() - self._begun_s

    def catch_up(self, record: Record | None) -> None:
        """Take in this record and all that are here already."""
        while record is not None:
            self._board.fold(record)
            record = self._watch.ready()

    def checklist(self) -> Text:
        """The list as it stands."""
        board = self._board
        lines = status.panic_rows(board.lines())
        realized = texts.realized(board.net, board.result_r) if board.legs else ""
        mode = self._room.desk.view().mode
        return texts.panic(lines, (board.by, board.locked_ms), mode, realized)

    async def run(self, stage: Stage) -> None:
        """Edit the checklist as facts arrive, until the exchange shows flat."""
        self._shown = (self.checklist().html, False)
        while not self._is_verified and self._age_s < FOLLOW_S:
            self.catch_up(self._watch.ready())
            await self._look()
            self._show(stage)
            self._ring(stage)
            if not self._is_verified:
                self.catch_up(await self._watch.next(VERIFY_EVERY_S))
        if not self._is_verified:
            stage.show(texts.given_up(self.checklist()))

    async def _look(self) -> None:
        """Compare with the engine, and once that shows flat, with the exchange."""
        view, now = self._room.desk.view(), self._room.desk.now_real()
        self._board.settle((p.id for p in view.positions), now)
        if self._board.is_flat and now >= self._looked_s:
            self._looked_s = now + VERIFY_EVERY_S
            seen = await self._room.desk.account()
            self._is_verified = self._board.verify(seen, self._room.desk.view().at_ms)
            self.catch_up(self._watch.ready())

    def _show(self, stage: Stage) -> None:
        text = self.checklist()
        may_retry = not self._is_verified and bool(self._board.stuck)
        if (text.html, may_retry) == self._shown:
            return
        self._shown = (text.html, may_retry)
        if not may_retry:
            stage.show(text)
            return
        rows = ((Choice(texts.RETRY, self._retry, "danger"),),)
        stage.show(Question(text.html, rows, FOLLOW_S, ending=""))

    def _ring(self, stage: Stage) -> None:
        """Loud, again and again: what is not closed is money at risk."""
        now = self._room.desk.now_real()
        if self._is_verified or now < self._rung_s + RING_S:
            return
        self._rung_s = now
        stage.ring(texts.panic_open(self._board.open_words, self._room.desk.view().mode))

    async def _retry(self, tap: Tap) -> Answer:
        """Ask the engine once more, which also asks by itself every few seconds."""
        key = command_id(tap)
        await put(self._room.desk, Panic(command_id=key, by=tap.caller.by))
        self._shown = ("", False)  # its button is used up: the next look brings another
        return None
