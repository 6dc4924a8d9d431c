"""A real process that appends and takes checkpoints, killed at moments nobody chooses."""

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.facts import Incident, Record
from engine.live.store import FileStore

KILLS = 20


def record(seq: int) -> Record:
    return Record(seq, 1000 + seq, Incident("odd", "x" * (seq % 300)))


async def write_forever(folder: Path) -> None:
    """Acknowledge each append on standard output, with a checkpoint now and then."""
    store = FileStore(folder, "paper")
    loaded = store.load()
    seq = loaded.state["seq"] if loaded.state else 0
    seq = loaded.records[-1].seq if loaded.records else seq
    while True:
        count = 1 + seq % 3
        await store.append([record(seq + n) for n in range(1, count + 1)])
        seq += count
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()
        if seq % 7 == 0:
            await store.checkpoint({"seq": seq, "pad": "y" * 5000}, seq)


def run_and_kill(folder: Path, lines: int) -> int:
    """The last sequence number the child acknowledged before it died."""
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(  # noqa: S603 -- ourselves
        command, stdout=subprocess.PIPE, cwd=root, env={"PYTHONPATH": str(root)}
    ) as child:
        assert child.stdout is not None
        seen = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        seen += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return int([line for line in seen if line.endswith(b"\n")][-1])


@pytest.mark.e2e
def test_a_killed_process_keeps_everything_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 -- a seed, not a secret
    before = 0
    for _ in range(KILLS):
        acknowledged = run_and_kill(tmp_path, chance.randint(1, 40))
        assert acknowledged > before

        store = FileStore(tmp_path, "paper")
        loaded = store.load()
        everything = list(store.records())
        assert not store.was_clean
        store.close()

        assert len(everything) >= acknowledged
        assert everything == [record(seq) for seq in range(1, len(everything) + 1)]
        covered = loaded.state["seq"] if loaded.state else 0
        assert loaded.records == tuple(everything[covered:])
        before = len(everything)


if __name__ == "__main__":
    asyncio.run(write_forever(Path(sys.argv[1])))
