"""The floors answer what they are there to answer."""

from __future__ import annotations

import json

from benchmarks.common import Connection, bare_echo, request


def test_a_bare_echo_gives_back_the_body_also_by_a_process_behind_it() -> None:
    event = b'{"order":   17}'
    with bare_echo() as bare, bare_echo(2) as behind:
        assert bytes(Connection(bare).call(request("any", event))) == event
        first, second = Connection(behind), Connection(behind)
        for each in (first, second, first):
            answer = bytes(each.call(request("any", event)))
            assert answer != event and json.loads(answer) == {"order": 17}, "Python has read and written it"
