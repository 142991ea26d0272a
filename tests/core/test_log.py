"""One record, one line, whatever is in it."""

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from exporters.core.log import event, setup

log = logging.getLogger("pomona.test")
HOSTILE = 'a "quoted"\nline\r\twith \\ = \x00\x1b[31m\x7f\x85\u2028\u202e\udcff and \N{PINE DECORATION}'


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(level: str, form: Literal["logfmt", "json"], *records: tuple[str, str, dict[str, Any]]) -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
    setup(level, form, stream)
    for each, msg, fields in records:
        event(log, each, msg, **fields)
    stream.seek(0)
    return re.split("[\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]", stream.read().removesuffix("\n"))


def test_logfmt_line() -> None:
    (line,) = lines(
        "info", "logfmt", ("info", "it works", {"name": "usb", "count": 3, "share": 0.5, "ok": True, "at": None})
    )
    assert re.fullmatch(
        r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=info logger=pomona.test "
        r'msg="it works" name=usb count=3 share=0.5 ok=true at=null',
        line,
    )


def test_json_line() -> None:
    (line,) = lines("info", "json", ("warn", "it works", {"count": 3, "ratio": float("nan"), "path": ("a",)}))
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warn",
        "logger": "pomona.test",
        "msg": "it works",
        "count": 3,
        "ratio": "nan",
        "path": "('a',)",
    }


def test_time_is_utc() -> None:
    record = logging.makeLogRecord({"created": 1_800_000_000.5, "msg": "now", "levelno": logging.INFO})
    stream = io.StringIO()
    setup("info", "logfmt", stream)
    logging.getLogger().handle(record)
    assert stream.getvalue().startswith("time=2027-01-15T08:00:00.500Z ")


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_nothing_breaks_or_disguises_a_line(form: Literal["logfmt", "json"]) -> None:
    (line,) = lines("info", form, ("info", HOSTILE, {"device": HOSTILE}))
    assert line.isprintable()


def test_json_gives_back_what_was_logged() -> None:
    (line,) = lines("info", "json", ("info", HOSTILE, {}))
    assert json.loads(line)["msg"] == HOSTILE


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("usb", "usb"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a=b", '"a=b"'),
        ('say "x"', r'"say \"x\""'),
        ("C:\\x", r'"C:\\x"'),
        ("a\nb", r'"a\nb"'),
        ("Anna\u2019s", "Anna\u2019s"),
        ("99\u00a0%", r'"99\u00a0%"'),
    ],
)
def test_logfmt_quoting(value: str, written: str) -> None:
    (line,) = lines("info", "logfmt", ("info", "it", {"value": value}))
    assert line.endswith(f" msg=it value={written}")


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warn", "error"]),
        ("info", ["info", "warn", "error"]),
        ("warn", ["warn", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(level: str, told: list[str]) -> None:
    all_levels = [(each, "it", {}) for each in ("debug", "info", "warn", "error")]
    assert [re.findall(r"level=(\w+)", line)[0] for line in lines(level, "logfmt", *all_levels)] == told


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_an_exception_is_one_line_without_its_text(form: Literal["logfmt", "json"]) -> None:
    stream = io.StringIO()
    setup("info", form, stream)
    try:
        int("Anna\u2019s secret")
    except ValueError:
        log.exception("collector %s failed", "usb")
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "ValueError" in line
    assert "test_log.py:" in line
    assert "secret" not in line
    assert re.search(r'level"?[=:] ?"?error', line)


def test_a_second_setup_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup("info", "logfmt", first)
    setup("error", "json", second)
    log.error("once")
    log.warning("not any more")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["msg"] == "once"


def test_fields_do_not_take_the_place_of_the_head() -> None:
    stream = io.StringIO()
    setup("info", "logfmt", stream)
    log.info("it", extra={"fields": {"time": "never", "odd key=": 1}})
    assert re.fullmatch(r"time=20\S+ level=info logger=pomona.test msg=it odd_key_=1\n", stream.getvalue())
