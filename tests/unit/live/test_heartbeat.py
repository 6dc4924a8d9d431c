import json
from pathlib import Path

import pytest

from engine.live.heartbeat import Heartbeat, read_health


def nothing() -> None:
    return None


async def test_the_turn_writes_a_beat_at_most_once_a_second(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path, lambda: 1.5, nothing)
    await heart.settle()
    for at_ms in (1000, 2000):
        heart.beat(at_ms)
        await heart.settle()

    beat = json.loads((tmp_path / "heartbeat.json").read_bytes())
    at = beat.pop("at")
    assert beat == {"market_ms": 1000, "poll_age_s": 1.5, "feed_age_s": None, "failing": []}
    assert read_health(tmp_path, lambda: at + 5.2) == (True, "healthy, last turn 5 s ago")
    assert read_health(tmp_path)[0]


async def test_a_beat_a_second_later_is_written_again(tmp_path: Path) -> None:
    seconds = iter((10.0, 10.9, 11.0))
    heart = Heartbeat(tmp_path, nothing, nothing, lambda: next(seconds))
    seen = []
    for at_ms in (1, 2, 3):
        heart.beat(at_ms)
        await heart.settle()
        seen.append(json.loads((tmp_path / "heartbeat.json").read_bytes())["market_ms"])
    assert seen == [1, 1, 3]


async def test_a_write_that_hangs_is_not_queued_behind(tmp_path: Path) -> None:
    seconds = iter((10.0, 20.0))
    heart = Heartbeat(tmp_path, nothing, nothing, lambda: next(seconds))
    heart.beat(1)
    heart.beat(2)  # the loop had no chance yet to see the first one end
    await heart.settle()
    assert json.loads((tmp_path / "heartbeat.json").read_bytes())["market_ms"] == 1


async def test_a_disk_that_refuses_does_not_stop_the_turn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heart = Heartbeat(tmp_path / "gone", nothing, nothing)
    heart.beat(1000)
    await heart.settle()
    assert [r.getMessage() for r in caplog.records] == ["heartbeat.refused"]


@pytest.mark.parametrize(
    ("poll_age_s", "feed_age_s", "later_s", "expected"),
    [
        (None, None, 31, "heartbeat: expected at most 30 s old, found 31 s"),
        (301, 0, 0, "chat poll: expected at most 300 s old, found 301 s"),
        (300, 121, 0, "market data: expected at most 120 s old, found 121 s"),
    ],
)
async def test_health_says_what_is_too_old(
    tmp_path: Path,
    poll_age_s: float | None,
    feed_age_s: float | None,
    later_s: float,
    expected: str,
) -> None:
    heart = Heartbeat(tmp_path, lambda: poll_age_s, lambda: feed_age_s)
    heart.beat(1000)
    await heart.settle()
    at = json.loads((tmp_path / "heartbeat.json").read_bytes())["at"]

    assert read_health(tmp_path, lambda: at + later_s) == (False, expected)


async def test_timers_that_fail_make_us_unhealthy(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path, nothing, nothing, failing=lambda: ("clock", "checkpoint"))
    heart.beat(1000)
    await heart.settle()
    why = "expected everything to work, found failing: clock, checkpoint"
    assert read_health(tmp_path) == (False, why)


async def test_a_beat_of_before_the_clock_was_set_back_proves_nothing(tmp_path: Path) -> None:
    heart = Heartbeat(tmp_path, nothing, nothing)
    heart.beat(1000)
    await heart.settle()
    at = json.loads((tmp_path / "heartbeat.json").read_bytes())["at"]
    assert read_health(tmp_path, lambda: at - 2) == (True, "healthy, last turn 0 s ago")
    why = "heartbeat: expected one of before now, found 3600 s later"
    assert read_health(tmp_path, lambda: at - 3600) == (False, why)


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_health_without_a_believable_file(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "heartbeat.json").write_bytes(content)
    is_healthy, why = read_health(tmp_path)
    assert not is_healthy
    assert why.startswith(f"{tmp_path / 'heartbeat.json'}: expected a heartbeat, found: ")
