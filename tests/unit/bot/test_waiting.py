"""Who leaves next when somebody asks without end."""

from telegram_wire import OWNER, T_S

from bot.notices import Urgency
from bot.pacing import Pacer
from bot.post import Post
from bot.views.layout import Text
from bot.waiting import OVERDUE_S, Waiting

WORDS = Text("hello")


class Line:
    """A chat where a question is asked each second, and a message leaves when it may."""

    def __init__(self) -> None:
        self.now = float(T_S)
        self.pacer = Pacer(lambda: self.now)
        self.waiting = Waiting(self.pacer)

    def put(self, urgency: Urgency) -> Post:
        post = Post(OWNER, WORDS, urgency, self.now)
        self.waiting.put(post)
        return post

    def second(self) -> list[Urgency]:
        """One more question; what leaves until the next."""
        self.put(Urgency.ANSWER)
        gone = []
        while (post := self.waiting.pick(self.now, (), lambda _: True)[0]) is not None:
            self.waiting.in_flight = post
            self.pacer.spend(OWNER)
            self.waiting.remove(post)
            self.waiting.in_flight = None
            gone.append(post.urgency)
        self.now += 1
        return gone


def left_after_s(urgency: Urgency) -> int:
    """How long a message of this kind waits while somebody asks each second."""
    line = Line()
    for _ in range(3):  # the burst is used up
        line.pacer.spend(OWNER)
    line.second()
    line.put(urgency)
    for seconds in range(120):
        if urgency in line.second():
            return seconds
    return 120


def test_a_fill_does_not_wait_until_nobody_asks_any_more() -> None:
    assert left_after_s(Urgency.MONEY) <= OVERDUE_S[Urgency.MONEY] + 2


def test_neither_do_news_and_cards() -> None:
    for urgency in (Urgency.NEWS, Urgency.CARD):
        assert OVERDUE_S[urgency] - 1 <= left_after_s(urgency) <= OVERDUE_S[urgency] + 2


def test_a_crowd_of_old_fills_leaves_every_other_turn_to_answers() -> None:
    line = Line()
    for _ in range(30):
        line.put(Urgency.MONEY)
    line.now += 60
    gone = [urgency for _ in range(20) for urgency in line.second()]
    assert gone.count(Urgency.ANSWER) >= len(gone) // 2 - 1
    assert gone.count(Urgency.MONEY) >= len(gone) // 2 - 1


def test_safety_goes_before_what_is_overdue() -> None:
    line = Line()
    line.put(Urgency.MONEY)
    line.now += 60
    line.put(Urgency.SAFETY)
    assert line.second()[0] is Urgency.SAFETY
