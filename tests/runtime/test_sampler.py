"""The sampling profiler: what it sees of one invocation, and what the handler does not notice of it."""

from __future__ import annotations

from typing import Any

import pytest
from runtime_harness import EnvironmentProcess, GoneError, Start

from lambdatui import wire

# In its own processor time: a busy machine takes turns away from what is sampled.
SPIN = (
    "import time\n"
    "def spin(ms):\n"
    "    until = time.thread_time() + ms / 1000\n"
    "    while time.thread_time() < until:\n"
    "        sum(range(50))\n"
)


def profiles(environment: EnvironmentProcess) -> list[dict[str, Any]]:
    return [body for kind, _, body in environment.measured if kind == wire.PROFILE]


def totals(profile: dict[str, Any], *, called: bool = True) -> dict[str, int]:
    """{function: us in it and below}, of the thread that the handler was called on or of the others."""
    frames, nodes = profile["frames"], profile["nodes"]
    found: dict[str, int] = {}
    for thread in profile["threads"]:
        if thread["called"] is not called:
            continue
        for node, weight in zip(thread["nodes"], thread["weights"], strict=True):
            names = set()
            while node > 0:
                names.add(frames[nodes[2 * node + 1]][0].rpartition(".")[2])
                node = nodes[2 * node]
            for name in names:
                found[name] = found.get(name, 0) + weight
    return found


def run(environment: EnvironmentProcess, **meta: Any) -> dict[str, Any]:
    environment.ready()
    environment.measured.clear()
    environment.invoke({}, profile=1000, **meta)
    return profiles(environment)[-1]


def test_time_goes_to_the_functions_that_took_it(start: Start) -> None:
    code = SPIN + "def long(): spin(300)\ndef short(): spin(100)\ndef handler(e, c):\n    long()\n    short()\n"
    profile = run(start(code))
    found = totals(profile)
    assert found["handler"] >= 0.7 * profile["wall_us"]
    assert found["long"] > found["short"]  # by 200 ms, of which a busy machine takes some
    assert profile["phase"] == "handler"
    assert [kind for name, _, _, kind in profile["frames"] if name == "long"] == ["own"]


def test_waiting_is_seen_as_well_as_work(start: Start) -> None:
    code = SPIN + "def wait(): time.sleep(0.3)\ndef work(): spin(100)\ndef handler(e, c):\n    wait()\n    work()\n"
    profile = run(start(code))
    found = totals(profile)
    assert found["wait"] >= 200_000
    assert found["work"] >= 50_000
    assert profile["cpu_us"] < 0.7 * profile["wall_us"]


def test_other_threads_are_apart_and_named(start: Start) -> None:
    code = (
        SPIN + "import threading\ndef aside(): time.sleep(0.2)\n"
        "def handler(e, c):\n    t = threading.Thread(target=aside, name='aside-1')\n    t.start()\n    t.join()\n"
    )
    profile = run(start(code))
    assert totals(profile, called=False)["aside"] >= 100_000
    assert "aside" not in totals(profile)
    assert "aside-1" in [thread["name"] for thread in profile["threads"]]


def test_a_thread_has_the_name_that_it_is_given_after_its_begin(start: Start) -> None:
    code = (
        "import _thread, threading, time\n"
        "def aside(ended):\n"
        "    time.sleep(0.1)\n    threading.current_thread().name = 'late'\n    time.sleep(0.1)\n    ended.release()\n"
        "def handler(e, c):\n"
        "    ended = _thread.allocate_lock()\n    ended.acquire()\n"
        "    _thread.start_new_thread(aside, (ended,))\n    ended.acquire()\n"
    )
    assert "late" in [thread["name"] for thread in run(start(code))["threads"]]


def test_stacks_begin_with_the_users_code(start: Start) -> None:
    profile = run(start(SPIN + "def handler(e, c): spin(50)\n"))
    nodes, frames = profile["nodes"], profile["frames"]
    roots = {frames[nodes[at + 1]][0] for at in range(2, len(nodes), 2) if nodes[at] == 0}
    assert "handler" in roots
    assert not {name for name in roots if name.startswith("Environment")}


def test_an_invocation_without_the_key_is_not_sampled_and_none_is_changed(start: Start) -> None:
    code = "import sys, threading, signal, _thread\n" + (
        "def handler(e, c):\n    return [sys.getswitchinterval(), threading.active_count(), _thread._count(),"
        " str(signal.getsignal(signal.SIGPROF)), str(signal.getsignal(signal.SIGALRM)), signal.getitimer(0)[0]]\n"
    )
    environment = start(code)
    environment.ready()
    environment.measured.clear()
    before = environment.invoke({}).json
    assert profiles(environment) == []
    during = environment.invoke({}, profile=1000).json
    assert environment.invoke({}).json == before
    assert [during[1], *during[3:]] == [before[1], *before[3:]]


def test_what_the_handler_raises_and_its_traceback_are_the_same(start: Start) -> None:
    environment = start("def handler(e, c):\n    raise ValueError('no')\n")
    environment.ready()
    plain = environment.invoke({}).json
    profiled = environment.invoke({}, profile=1000).json
    assert {**profiled, "requestId": ""} == {**plain, "requestId": ""}
    assert len(profiles(environment)) == 1


def test_a_profile_comes_before_the_deadline_ends_the_process(start: Start) -> None:
    environment = start("import time\ndef handler(e, c): time.sleep(20)\n")
    environment.ready()
    environment.send_invoke({}, profile=100)  # its deadline is in three seconds
    environment.measured.clear()

    def wait() -> None:
        while not environment.measured:
            header = wire.unpack_header(environment._read(wire.HEADER.size))
            environment._read(header.meta_length)
            body = environment._read(header.payload_length)
            environment.measured.append((header.kind, {}, __import__("json").loads(body)))

    wait()
    assert totals(profiles(environment)[0])["handler"] > 2_000_000


def test_a_forked_child_that_comes_back_does_not_hang(start: Start) -> None:
    code = "import os\ndef handler(e, c):\n    pid = os.fork()\n    return os.waitpid(pid, 0)[1] if pid else None\n"
    environment = start(code)
    environment.ready()
    assert environment.invoke({}, profile=1000).json == 0


def test_the_init_is_sampled_where_start_asks_for_it(start: Start) -> None:
    code = {"app.py": "import slow\ndef handler(e, c): pass\n", "slow.py": SPIN + "def load(): spin(100)\nload()\n"}
    environment = start(code, profile=1000)
    environment.ready()
    (profile,) = profiles(environment)
    assert profile["phase"] == "init"
    assert totals(profile)["load"] >= 50_000
    assert not any("importlib._bootstrap" in file for _, file, _, _ in profile["frames"])


def test_samples_are_bounded_in_number(start: Start) -> None:
    names = "".join(f"def f{n}(k): g(k)\n" for n in range(40))
    code = SPIN + names + "def g(k): sum(range(k))\nF = [globals()[f'f{n}'] for n in range(40)]\n"
    code += "def handler(e, c):\n    until = time.perf_counter() + 2.5\n    while time.perf_counter() < until:\n"
    code += "        for f in F: f(3000)\n"
    environment = start(code)
    environment.ready()
    environment.measured.clear()
    environment.invoke({}, profile=10_000)
    profile = profiles(environment)[-1]
    (called,) = [thread for thread in profile["threads"] if thread["called"]]
    assert 0 < len(called["nodes"]) <= 30_000
    assert sum(called["weights"]) >= 0.7 * profile["wall_us"]


def test_a_process_that_ends_in_its_handler_sends_none(start: Start) -> None:
    environment = start("import os\ndef handler(e, c): os._exit(3)\n")
    environment.ready()
    with pytest.raises(GoneError):
        environment.invoke({}, profile=1000)
    assert profiles(environment) == []
