"""The worst faults of the table, lived through by the real process in live mode, in two lives."""

import asyncio
from pathlib import Path

import pytest
from e2e.fault_table import GROUPS, live_through

pytestmark = pytest.mark.e2e

LIVES = (("rest", "stream"), ("orders", "stops"))


async def test_faults_of_the_exchange_cost_no_order_no_fill_and_no_stop(tmp_path: Path) -> None:
    chosen = [[row for group in life for row in GROUPS[group] if row.is_quick] for life in LIVES]
    lives = (live_through(rows, tmp_path / str(n)) for n, rows in enumerate(chosen))
    told = [line for lines in await asyncio.gather(*lives) for line in lines]
    problems = [line.text for line in told if line.problem]
    assert not problems, "\n".join(problems)
    assert len(told) == sum(map(len, chosen)) > 20
