"""Where a function's time goes, on the Function screen and in an invocation's waterfall."""

from __future__ import annotations

import threading

import msgspec

from lambdatui.profiles import ColdStart, ImportNode, ImportPlace, ImportTree, ProfileReply
from lambdatui.tui.details import waterfall
from lambdatui.tui.profile_lines import cold_start_lines, profile_lines
from tests.client.test_profile import profile

from .fakes import opened
from .moment import NOW, at, invocation

COLD = ColdStart(
    function="checkout", version="$LATEST", code_sha="a", at=at(60), runtime_ms=50, libraries_ms=400, own_ms=50,
    init_ms=470,
    imports=ImportTree(
        modules=380,
        places=[ImportPlace("own", "/shop"), ImportPlace("sdk", "/sdk")],
        nodes=[
            ImportNode("app", -1, 50_000, 450_000, 0),
            ImportNode("boto3", 0, 100_000, 400_000, 1),
            ImportNode("botocore", 1, 300_000, 300_000, 1),
            ImportNode("tiny", 0, 10, 10, 1),
        ],
    ),
    invocations=10, cold_starts=2, billed_share=0.25, usd_per_1000=0.0042,
)  # fmt: skip


def test_a_cold_start_has_its_parts_its_price_and_its_dearest_imports() -> None:
    text = [line.text for line in cold_start_lines(COLD, NOW, 60)]
    assert [row.split()[0] for row in text[:3]] == ["runtime", "libraries", "own"]
    assert text[1].count("▰") == 6
    assert any(row.startswith("380 modules") for row in text)
    assert "25% of the bill: 2 of 10 invocations started cold" in text
    assert "1,000 such inits cost $0.0042" in text
    assert [row.split("ms ", 1)[1].rstrip() for row in text[-3:]] == ["app  your code", "└ boto3  SDK", " └ botocore"]


def test_without_one_it_says_what_to_do() -> None:
    assert "press i" in cold_start_lines(None, NOW, 60)[0].text


def test_a_profile_shows_shares_and_the_calls_that_took_time() -> None:
    reply = ProfileReply(request_id="r", status="ok", payload=b"", profiles=[profile()])
    text = [line.text.rstrip() for line in profile_lines(reply, "/shop", 80)]
    assert text[0] == "handler  1 ms, 0.9 ms on the CPU  1000 samples"
    assert text[1] == "your code 75%, standard library 25%"
    assert " 60.0%  60.0%       0.6  ├ total  app.py:9" in text
    assert any(row.startswith("thread  pool-1") for row in text)
    nothing = msgspec.structs.replace(reply, profiles=[])
    assert "ended before" in profile_lines(nothing, "/shop", 80)[0].text


def test_a_waterfall_splits_the_init_where_it_is_known() -> None:
    row = invocation(10, init_ms=60.0, init_runtime_ms=30.0, init_libraries_ms=25.0, init_own_ms=10.0, overhead_ms=2.0)
    names = [line.text.split("  ")[0].strip() for line in waterfall(row, 60)]
    assert names == ["queued", "runtime", "libraries", "own init", "handler", "overhead"]


async def test_the_function_screen_has_its_cold_start_and_reads_it_again_after_the_next() -> None:
    async with opened() as shop:
        shop.client.cold["checkout"] = COLD
        await shop.press("2")
        await shop.until(lambda: "25% of the bill" in shop.text() and "Cold start" in shop.text())
        asked = shop.client.calls.count(("cold_start", "checkout"))
        cold = invocation(30, id=900, function="checkout", cold=True)
        shop.feed.push(new_invocations=(cold,), invocations=(*shop.app.shown_state.invocations, cold))
        await shop.until(lambda: shop.client.calls.count(("cold_start", "checkout")) == asked + 1)


async def test_the_function_screen_says_that_there_is_no_cold_start_once_it_has_looked() -> None:
    async with opened() as shop:
        looked = threading.Event()
        shop.client.cold_start = lambda function: looked.wait(60) and None  # type: ignore[method-assign]
        await shop.press("2")
        await shop.settle()
        assert "Cold start" in shop.text() and "no fresh init" not in shop.text()
        looked.set()
        await shop.until(lambda: "no fresh init" in shop.text())


async def test_m_profiles_with_the_last_event_and_escape_leads_back() -> None:
    for size in ((120, 40), (80, 24)):
        async with opened(size=size) as shop:
            shop.client.profiled = ProfileReply(request_id="r", status="ok", payload=b"", profiles=[profile()])
            await shop.press("2", "m")
            await shop.until(lambda: "total  " in shop.text() and "60.0%" in shop.text())
            assert ("profile", "checkout", b'{"order": 1189}') in shop.client.calls
            assert "Cold start" in shop.text()
            assert "Environments  " not in shop.text().replace("7 Environments", "")
            await shop.press("escape")
            assert "60.0%" not in shop.text() and "Function" in shop.text()
            await shop.press("M")
            assert "60.0%" in shop.text()
