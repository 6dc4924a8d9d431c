"""Each fault of the table, lived through by the real process in live mode."""

from pathlib import Path

import pytest
from e2e.fault_table import GROUPS, live_through

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("group", GROUPS)
async def test_faults(group: str, tmp_path: Path) -> None:
    rows = [row for row in GROUPS[group] if row.is_quick]
    told = await live_through(rows, tmp_path / "state")
    assert [line.name for line in told] == [row.name for row in rows]
    assert [line for line in told if line.problem] == []
