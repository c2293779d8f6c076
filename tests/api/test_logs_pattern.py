"""Filter patterns of CloudWatch Logs: the examples of its documentation, and that nothing but its own error is raised.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdatui.api.aws import logs_fields
from lambdatui.api.aws.logs_pattern import PatternError, compiled

TRAIL = (
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],'
    ' "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true,'
    ' "latency": 50.5, "cluster.name": "c", "errorCode": "400"}\n'
)
USERS = (
    '{"user": {"id": 1, "email": "John.Stiles@example.com"}, "users": [{"id": 2, "email": "John.Doe@example.com"},'
    ' {"id": 3, "email": "Jane.Doe@example.com"}], "actions": ["GET", "PUT", "DELETE"],'
    ' "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}'
)
APACHE = (
    '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534\n',
    '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.html HTTP/1.0" 404 5324\n',
    '127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /apache_pb.html HTTP/1.0" 403 43\n',
)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("", "123"),
        ("ERROR", "12"),
        ("?ERROR ?WARN", "123"),
        ("ERROR WARN", "1"),
        ("ERROR -WARN", "2"),
        ('"ERROR message"', "2"),
        ("error", ""),
        ("-ERROR", "3"),
        ("%E+RROR%", "12"),
        ("%^WARN|ERROR WARN%", "13"),
        ("?WARN message -ERROR", "3"),
        ('-"WARN message"', "2"),
    ],
)
def test_terms(pattern: str, matched: str) -> None:
    messages = ("ERROR WARN message", "ERROR message", "WARN message")
    matches = compiled(pattern).matches
    assert "".join(str(n) for n, message in enumerate(messages, start=1) if matches(message)) == matched


@pytest.mark.parametrize(
    "pattern",
    [
        '{ $.eventType = "UpdateTrail" }',
        "{$.eventType=UpdateTrail}",
        "{ $.eventType = Update* }",
        "{ $.eventType = *Trail }",
        "{ $.eventType = %^Upd[a-z]te% }",
        "{ $.sourceIPAddress != 123.123.* }",
        '{ $.arrayKey[0] = "value" }',
        '{ $.arrayKey[*] = "another value" }',
        "{ $.objectList[1].id = 2 }",
        "{ $.objectList[*].id = 2 }",
        "{ $.SomeObject IS NULL }",
        "{ $.SomeOtherObject NOT EXISTS }",
        "{ $.ThisFlag IS TRUE }",
        "{ $.ThisFlag is true }",
        "{ $.latency = * }",
        "{ $.latency >= 50 && $.latency < 5.1e1 }",
        "{ $.latency = 50.50 }",
        "{ $.errorCode = 400 }",
        "{ $.['cluster.name'] = c }",
        "{ ($.nothing = 1 || $.latency > 1) && $.eventType != x }",
    ],
)
def test_json_that_matches(pattern: str) -> None:
    assert compiled(pattern).matches(TRAIL)


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.eventType = updatetrail }",
        "{ $.arrayKey = value }",
        "{ $.arrayKey != value }",
        "{ $.eventType[0] = U }",
        "{ $.objectList[2].id = 2 }",
        "{ $.missing != 1 }",
        "{ $.missing = * }",
        "{ $.eventType IS NULL }",
        "{ $.SomeObject NOT EXISTS }",
        "{ $.ThisFlag IS FALSE }",
        "{ $.eventType > 3 }",
    ],
)
def test_json_that_does_not_match(pattern: str) -> None:
    assert not compiled(pattern).matches(TRAIL)


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', True),
        ('{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', False),
        (
            '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }',
            True,
        ),
        (
            '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = x) && $.actions[2] = x }',
            False,
        ),
    ],
)
def test_and_binds_closer_than_or(pattern: str, matched: bool) -> None:
    assert compiled(pattern).matches(USERS) is matched


def test_what_is_no_json_matches_no_json_pattern() -> None:
    matches = compiled("{ $.a NOT EXISTS }").matches
    assert [matches(text) for text in ("{}", "text", "{broken", "[]", "[" * 5000, "", "1")] == [
        True, False, False, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("[ip, id, user, timestamp, request, status_code, bytes]", "123"),
        ("[ip, user, timestamp]", ""),
        ("[..., status_code, bytes]", "123"),
        ("[ip, user, ...]", "123"),
        ("[ip, id, user, ..., status_code, bytes > 1000]", "12"),
        ("[ip, id, user, timestamp, request, status_code = 200, bytes]", "1"),
        ("[ip, id, user, timestamp, request, status_code = 4*, bytes]", "23"),
        ("[ip, id, user, timestamp, request = *html*, status_code = 4*, bytes]", "23"),
        ("[..., status_code = 4* && status_code != 403, bytes]", "2"),
        ("[..., status_code = 200 || status_code = 403, bytes]", "13"),
        ("[..., request=*.html*, status_code=4*,]", "23"),
        ("[..., request=%^GET%, status_code, bytes < 100]", "3"),
        ("[ip = !127.0.0.1, ...]", ""),
    ],
)
def test_fields(pattern: str, matched: str) -> None:
    matches = compiled(pattern).matches
    assert "".join(str(n) for n, message in enumerate(APACHE, start=1) if matches(message)) == matched


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("a.b", "Invalid character(s) in term 'a.b'"),
        ('"open', "cannot be read"),
        ("%open", "cannot be read"),
        ("%a(b)%", "characters that are not supported"),
        ("%[%", "Invalid regular expression"),
        ("{ $.a }", "a comparison is expected"),
        ("{ a = 1 }", "'$' is expected"),
        ("{ $ = 1 }", "a selector"),
        ("{ $.a = }", "a value is expected"),
        ("{ $.a > x }", "a number is expected"),
        ("{ $.a = 1 ", "'}' is expected"),
        ("{ $.a = 1 } x", "nothing more is expected"),
        ("{ $.a = %a% || $.a = %b% || $.a = %c% }", "more than 2 regular expressions"),
        ("{ " + "(" * 60, "more than 50 parentheses"),
        ("[a, ..., b, ...]", "more than one ellipsis"),
        ("[a", "']' is expected"),
    ],
)
def test_what_is_no_pattern_is_said(pattern: str, sentence: str) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert sentence in str(caught.value)


_pieces = st.sampled_from(
    ["{", "}", "[", "]", "$", ".a", "$.a", " = ", "!=", ">", "1", "1e9", "*", "&&", "||", "(", ")", ",", "...", '"',
     "%", "\\", "IS NULL", " NOT EXISTS ", "?", "-", " ", "x", "é", "\ud800", "{2}", "+"]
)  # fmt: skip


@given(
    st.one_of(st.text(max_size=60), st.lists(_pieces, max_size=25).map("".join)),
    st.one_of(
        st.text(max_size=60), st.sampled_from([TRAIL, USERS, *APACHE, '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}"])
    ),
)
def test_any_text_is_a_pattern_or_refused(pattern: str, message: str) -> None:
    try:
        matches = compiled(pattern).matches
    except PatternError as error:
        assert str(error)
    else:
        assert matches(message) in (True, False)


def test_a_value_of_many_stars_comes_to_an_end() -> None:
    matches = compiled('{ $.a = "' + "*a" * 30 + '*b" }').matches
    assert not matches('{"a": "' + "a" * 3_000 + '"}')
    assert matches('{"a": "' + "xa" * 40 + 'b"}')


@given(st.text('[]" \\ab', max_size=30))
def test_fields_are_what_one_expression_would_find(message: str) -> None:
    assert logs_fields._fields(message) == ["".join(groups) for groups in logs_fields._FIELD.findall(message)]


@pytest.mark.parametrize("piece", ["[ x", '"\\', '" ', "] [", '[ " ', "0"])
def test_fields_of_a_long_hostile_line_come_to_an_end(piece: str) -> None:
    begun = time.process_time()
    compiled("[a > 1, b]").matches(piece * (256 * 1024 // len(piece)))
    assert time.process_time() - begun < 10
