import asyncio

from stream_venue import MovedTime, soon

from engine.live.pacing import DIALS_MAX, DIALS_WINDOW_S, Dialer


async def test_connects_are_capped_whatever_happens() -> None:
    time = MovedTime()
    dialer = Dialer(time.timing())
    for _ in range(DIALS_MAX):
        await soon(dialer.wait(0))
        time.move(1)
    late = asyncio.create_task(dialer.wait(0))
    assert await time.nap() == DIALS_WINDOW_S - DIALS_MAX
    await soon(late)
    time.move(1)
    await soon(dialer.wait(0))
