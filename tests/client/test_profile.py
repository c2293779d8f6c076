"""What a profile says: the tree of calls, what is left out of it, and speedscope's document."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.client.profile import Call, call_tree, called_thread, import_calls, rows, shares, speedscope
from lambdatui.profiles import ImportNode, ImportPlace, ImportTree, Profile, ProfileFrame, ProfileThread
from tests.client.speedscope import check

FRAMES = [
    ProfileFrame("handler", "/shop/app.py", 3, "own"),
    ProfileFrame("total", "/shop/app.py", 9, "own"),
    ProfileFrame("dumps", "/lib/json/__init__.py", 183, "standard"),
    ProfileFrame("encode", "/lib/json/encoder.py", 183, "standard"),
    ProfileFrame("iterencode", "/lib/json/encoder.py", 200, "standard"),
    ProfileFrame("default", "/shop/app.py", 20, "own"),
    ProfileFrame("wait", "/lib/threading.py", 1, "standard"),
]
# handler -> total; handler -> dumps -> encode -> iterencode -> default; wait
NODES = [-1, -1, 0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 5, 5, 0, 6]


def profile(*, phase: str = "handler", weights: tuple[int, ...] = (100, 600, 200, 50, 50)) -> Profile:
    called = ProfileThread(name="MainThread", called=True, samples=1000, nodes=[1, 2, 5, 6, 4], weights=list(weights))
    other = ProfileThread(name="pool-1", called=False, samples=900, nodes=[7], weights=[900])
    return Profile(
        phase=phase, wall_us=1010, cpu_us=900, sampler_us=20, frames=FRAMES, nodes=NODES, threads=[other, called]
    )


def tree(found: Profile | None = None) -> list[Call]:
    found = found or profile()
    thread = called_thread(found)
    assert thread is not None
    return call_tree(found, thread)


def test_totals_hold_what_is_called_and_own_times_do_not() -> None:
    (handler,) = tree()
    assert (handler.own_us, handler.total_us) == (100, 1000)
    assert [(call.frame.name, call.own_us, call.total_us) for call in handler.calls] == [
        ("total", 600, 600),
        ("dumps", 0, 300),
    ]


def test_a_thread_has_only_what_ran_on_it() -> None:
    found = profile()
    (wait,) = call_tree(found, found.threads[0])
    assert (wait.frame.name, wait.total_us, wait.calls) == ("wait", 900, [])


def test_the_inside_of_libraries_is_folded_unless_it_leads_back_to_own_code() -> None:
    deep = list(rows(tree(), library_depth=1))
    assert [row.call.frame.name for row in deep] == ["handler", "total", "dumps", "encode", "iterencode", "default"]
    away = msgspec.structs.replace(profile(), nodes=[*NODES[:12], 0, 5, *NODES[14:]])
    shown = list(rows(tree(away), library_depth=1))
    assert [row.call.frame.name for row in shown] == ["handler", "total", "dumps", "default"]
    assert [row.folded for row in shown] == [False, False, True, False]


def test_what_took_little_is_left_out_and_branches_are_drawn() -> None:
    shown = [row.branch + row.call.frame.name for row in rows(tree(), least_share=0.06)]
    assert shown == ["handler", "├ total", "└ dumps", "  └ encode", "    └ iterencode"]
    assert [row.elsewhere for row in rows(tree(), least_share=0.06)] == [True, False, True, False, False]


def test_shares_are_by_where_the_code_stands() -> None:
    assert shares(tree()) == {"own": 0.75, "standard": 0.25}
    assert shares([]) == {}


def test_imports_are_a_tree_too() -> None:
    nodes = [ImportNode("app", -1, 10, 110, 0), ImportNode("a", 0, 20, 20, 1), ImportNode("b", 0, 80, 80, 1)]
    nodes.append(ImportNode("aside", -1, 500, 500, 1))
    found = import_calls(
        ImportTree(modules=4, places=[ImportPlace("own", "/s"), ImportPlace("sdk", "/b")], nodes=nodes)
    )
    assert [call.frame.name for call in found] == ["aside", "app"]
    assert [(call.frame.name, call.frame.place) for call in found[1].calls] == [("b", "sdk"), ("a", "sdk")]


def test_the_document_is_one_that_speedscope_opens() -> None:
    document = speedscope("orders", [profile(phase="init"), profile()])
    check(msgspec.json.decode(msgspec.json.encode(document)))
    names = [each["name"] for each in document["profiles"]]  # type: ignore[attr-defined]
    assert names == ["orders init", "orders init, pool-1", "orders handler", "orders handler, pool-1"]
    assert document["activeProfileIndex"] == 2


def test_its_stacks_begin_with_the_outermost_call() -> None:
    document = speedscope("orders", [profile(phase="init"), profile()])
    sampled = document["profiles"][2]  # type: ignore[index]
    names = [frame["name"] for frame in document["shared"]["frames"]]  # type: ignore[index]
    assert [names[frame] for frame in sampled["samples"][3]] == [
        "handler", "dumps", "encode", "iterencode", "default",
    ]  # fmt: skip
    assert sampled["weights"] == [100, 600, 200, 50, 50]


@given(st.data())
def test_any_tree_keeps_its_time(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    parents = [data.draw(st.integers(0, at - 1)) for at in range(1, size)]
    nodes = [-1, -1]
    for parent in parents:
        nodes += [parent, data.draw(st.integers(0, len(FRAMES) - 1))]
    seen = data.draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, 1000)), max_size=50))
    thread = ProfileThread(
        name="m", called=True, samples=len(seen), nodes=[node for node, _ in seen], weights=[us for _, us in seen]
    )
    found = msgspec.structs.replace(profile(), nodes=nodes, threads=[thread])
    calls = call_tree(found, thread)
    inside = sum(us for node, us in seen if node)
    assert sum(call.total_us for call in calls) == inside
    assert sum(row.call.own_us for row in rows(calls, least_share=0, library_depth=100)) == inside
    check(msgspec.json.decode(msgspec.json.encode(speedscope("f", [found]))))
