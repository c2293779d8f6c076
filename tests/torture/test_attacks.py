"""Whatever a handler does ends as Lambda reports it; its neighbour answers meanwhile, and nothing of it is left."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.engine.conftest import eventually
from tests.torture.attacks import ATTACKS, BOMB
from tests.torture.conftest import World

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a tree of processes is its group"),
]
_ID = re.compile(r"RequestId: \S+ Error: ")


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.soak) if each in BOMB else each for each in ATTACKS]
)
async def test_an_attack_ends_as_on_lambda_and_harms_nobody(world: World, name: str) -> None:
    result = await world.attack(name)
    if result.status == "ok":
        ended = f"ok: {result.payload.decode()}"
    else:
        body = json.loads(result.payload)
        ended = f"{body['errorType']}: {_ID.sub('', body['errorMessage'])}"
    assert re.fullmatch(ATTACKS[name].ends, ended, re.DOTALL)
    assert not world.raised
    if re.match(r"Runtime|Sandbox", ended) and result.record is not None and "Marshal" not in ended:
        assert result.record.environment is not None
        environment = result.record.environment
        assert await eventually(lambda: not world.left_of(environment))
        assert json.loads((await world.attack(name, "again")).payload) == "well"


async def test_all_of_it_is_in_history(world: World) -> None:
    await world.engine.store.history.flush()
    rows = world.engine.reader.invocations()
    told = {row.function: row for row in rows}
    asked = [name for name in world.names.values() if name in told]
    assert len([row for row in rows if row.function == "neighbour"]) == world.asked
    assert all(world.engine.reader.invocation(told[name].request_id) is not None for name in asked)
