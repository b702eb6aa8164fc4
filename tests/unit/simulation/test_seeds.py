from __future__ import annotations

import pytest

from tests.unit.simulation.seeds import chosen, parse


def test_which_seeds_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse("116") == [116]
    assert parse("2, 116") == [2, 116]
    assert parse("7,400-402") == [7, 400, 401, 402]
    with pytest.raises(ValueError):
        parse("all")
    monkeypatch.delenv("SIMULATION_SEED", raising=False)
    assert chosen(3) == [0, 1, 2]
    monkeypatch.setenv("SIMULATION_SEED", "5-6")
    assert chosen(3) == [5, 6]
