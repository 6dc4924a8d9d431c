"""Paper or live: which of the two the next start is, kept in one small file.

It exists so that a restart never changes whose money is traded. It must never guess: a file that
cannot be read ends the start, and it alone arms nothing, since the ledger keeps a person's word.
"""

from pathlib import Path
from typing import Literal

import msgspec

from engine.core.values import LIVE, PAPER, Arm, Ms
from engine.errors import StoreError
from engine.live.files import make_folder, write_atomic

FILE = "mode.json"


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person chose last, and when; nobody did before the first time."""

    mode: Literal["paper", "live"] = PAPER
    by: str = ""
    at_ms: Ms = 0  # real epoch milliseconds
    venue: str = ""  # of live: the REST base address it was chosen for

    @property
    def arm(self) -> Arm | None:
        """The word that live orders may go to the venue; None on paper."""
        return Arm(self.by, self.venue, self.at_ms) if self.mode == LIVE else None


def read_mode(folder: Path) -> Chosen:
    """What was chosen below this state directory; raises `StoreError` for a damaged file."""
    path = folder / FILE
    try:
        chosen = msgspec.json.decode(path.read_bytes(), type=Chosen)
    except FileNotFoundError:
        return Chosen()
    except (OSError, msgspec.DecodeError) as problem:
        raise _damaged(path, str(problem)) from problem
    if chosen.mode == LIVE and not (chosen.by and chosen.venue and chosen.at_ms):
        raise _damaged(path, "live without who, when and where")
    return chosen


def write_mode(folder: Path, chosen: Chosen) -> None:
    """Make it what the next start is; raises `StoreError`, changing nothing."""
    try:
        make_folder(folder)
        write_atomic(folder / FILE, msgspec.json.encode(chosen), is_durable=True)
    except OSError as problem:
        found = problem.strerror or problem
        raise StoreError(f"{folder / FILE}: expected to write it, found: {found}") from problem


def _damaged(path: Path, found: str) -> StoreError:
    return StoreError(
        f"{path}: expected the mode of this start, found: {found}; "
        f"remove the file to start on paper, where no order reaches an exchange"
    )
