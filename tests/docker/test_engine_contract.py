"""The docker SDK's driver keeps the engine contract, on this machine's Docker Engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.engine_contract.cases import CASES, title
from tests.engine_contract.sdk_world import SdkWorld
from tests.engine_contract.world import World
from tests.lab.registry import LabRegistry


@pytest.fixture(scope="module")
def registries() -> Iterator[tuple[LabRegistry, LabRegistry]]:
    with LabRegistry() as anyones, LabRegistry(closed=True) as closed:
        yield anyones, closed


@pytest.fixture
def world(
    engine_url: str,
    installation: str,
    lab_images: None,
    registries: tuple[LabRegistry, LabRegistry],
) -> Iterator[SdkWorld]:
    made = SdkWorld(installation, engine_url, f"{installation}-contract", *registries)
    yield made
    try:
        made.clean()
    finally:
        made.close()


@pytest.mark.parametrize("case", CASES, ids=title)
def test_contract(case: Callable[[World], None], world: SdkWorld) -> None:
    case(world)
