"""Pictures of the chat, one for each answer: `make screens OUT=folder`.

It exists so that every layout can be looked at on a phone's width before anybody is woken by it.
The program is the real sandbox, the person is at the page's own interface, and the pictures come
from a real browser. It must never take a folder's pictures away.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from e2e.screen_tour import Album, Tour
from phones import NOTHING, phone
from programs import person_at, running

from bot.sandbox.host import SEED


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def take(folder: Path, state: Path, speed: float, seed: int) -> Tour:
    """Live through the tour; pictures land in `folder`."""
    where = ("--port", "0", "--state-dir", str(state), "--seed", str(seed))
    async with running("bot", "--sandbox", *where, "--speed", f"{speed:g}") as program:
        address = await program.address()
        async with phone(address, NOTHING) as page, person_at(address) as person:
            album = Album(page, folder)
            tour = Tour(person, album)
            await tour.run()
            await album.close()
            for words in album.cut:
                say(f"cut off: {words}")
            say(f"{len(album)} pictures, sheet.png and conversation.png in {folder}")
        await program.stop()
    return tour


def main() -> int:
    """The command line; 1 when a command had no answer."""
    parser = argparse.ArgumentParser(prog="make screens")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    folder = options.out or Path(tempfile.mkdtemp(prefix="breakout-screens-"))
    with tempfile.TemporaryDirectory(prefix="breakout-screens-state-") as state:
        tour = asyncio.run(take(folder, Path(state) / "state", options.speed, options.seed))
    for problem in tour.untapped:
        say(f"not seen: {problem}")
    for words in tour.unanswered:
        say(f"NO ANSWER: {words}")
    return 1 if tour.unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
