"""Displays: counted only by a good report, told apart without their serials, their names never told by default."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from conftest import context_for
from exporters.core.context import Level
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.displays import REPORT, displays
from exporters.sources.replay import Replay
from macos.looking import Seen, captures, see, spoiled_json, steadily

DELL = {
    "_name": "Robin's Screen",
    "_spdisplays_display-product-id": "a0a2",
    "_spdisplays_display-serial-number": "5ec4e7",
    "_spdisplays_display-vendor-id": "10ac",
    "_spdisplays_pixels": "2560 x 1440",
    "_spdisplays_resolution": "2560 x 1440 @ 59.95Hz",
    "spdisplays_online": "spdisplays_yes",
}
BUILT_IN = {"_spdisplays_display-vendor-id": "610", "spdisplays_connection_type": "spdisplays_internal"}
GPU = {"sppci_device_type": "spdisplays_gpu", "sppci_model": "Apple M4", "sppci_cores": "10"}
INTERNAL, EXTERNAL = 'macos_displays{location="internal"}', 'macos_displays{location="external"}'


def printed(*attached: Any, **gpu: Any) -> bytes:
    item = {**GPU, "spdisplays_ndrvs": attached, **gpu}
    return json.dumps({"SPDisplaysDataType": [item]}).encode()


def seen(*attached: Any, **gpu: Any) -> Seen:
    return see(displays, {REPORT: printed(*attached, **gpu)})


def text(level: Level, *attached: Any) -> str:
    context = replace(context_for(displays), level=level)
    reading = look(displays, Replay(captures({REPORT: printed(*attached)})), context).reading
    return render(displays.metrics(reading, context)).decode()


def one(family: str, told: Seen) -> str:
    (series,) = [each for each in told.values if each.startswith(family)]
    return series


def test_none_is_said_only_where_a_graphics_processor_has_none() -> None:
    headless = see(displays, {REPORT: json.dumps({"SPDisplaysDataType": [GPU]}).encode()})
    assert (headless.values[INTERNAL], headless.values[EXTERNAL]) == (0, 0)
    for items in ([], [{"_name": "something else"}]):
        assert see(displays, {REPORT: json.dumps({"SPDisplaysDataType": items}).encode()}) == Seen({}, {})
    assert see(displays, {REPORT: b"{}"}).problems.keys() == {"unparsable"}


def test_the_built_in_one_by_either_of_two_signs() -> None:
    other = {"spdisplays_display_type": "spdisplays_built-in_retinaLCD"}
    told = seen(BUILT_IN, other, DELL)
    assert (told.values[INTERNAL], told.values[EXTERNAL]) == (2, 1)


def test_a_display_that_is_off_does_not_count() -> None:
    assert seen({**DELL, "spdisplays_online": "spdisplays_no"}).values[EXTERNAL] == 0


def test_a_display_is_told_by_its_codes() -> None:
    series = one("macos_display_info", seen(DELL))
    assert 'vendor="DEL"' in series
    assert 'product="a0a2",resolution="2560x1440"' in series


@pytest.mark.parametrize(("told", "vendor"), [("610", "APP"), ("1e6d", "GSM"), ("0", ""), ("ffff", ""), ("DELL", "")])
def test_vendors(told: str, vendor: str) -> None:
    assert f'vendor="{vendor}"' in one("macos_display_info", seen({**DELL, "_spdisplays_display-vendor-id": told}))


@pytest.mark.parametrize(
    ("told", "hertz"),
    [
        ("1 x 1 @ 59.95Hz", 59.95),
        ("1 x 1 @ 60,00Hz", 60),
        ("1 x 1 @ 120Hz", 120),
        ("1 x 1", None),
        ("1 @ 0.00Hz", None),
    ],
)
def test_refresh_in_any_number_format(told: str, hertz: float | None) -> None:
    values = seen({**DELL, "_spdisplays_resolution": told}).values
    assert [value for name, value in values.items() if "refresh" in name] == ([] if hertz is None else [hertz])


@pytest.mark.parametrize(("told", "asleep"), [("spdisplays_yes", [1]), ("spdisplays_no", [0]), (None, [])])
def test_asleep_only_where_macos_says_so(told: str | None, asleep: list[float]) -> None:
    values = seen({**DELL, **({} if told is None else {"spdisplays_asleep": told})}).values
    assert [value for name, value in values.items() if "asleep" in name] == asleep


def test_two_displays_of_one_model_are_two_and_keep_their_series_in_any_order() -> None:
    other = {**DELL, "_spdisplays_display-serial-number": "5ec4e8"}
    assert seen(DELL, other) == seen(other, DELL)
    assert len([name for name in seen(DELL, other).values if "_display_info" in name]) == 2
    assert len([name for name in seen(DELL, DELL).values if "_display_info" in name]) == 2


def test_names_and_serials_leave_only_at_full() -> None:
    for level in ("standard", "strict"):
        told = text(level, DELL)
        assert "Robin" not in told
        assert "5ec4e7" not in told
    assert "Robin" in text("full", DELL)
    assert 'display="DEL:a0a2"' in text("strict", DELL)


def test_a_crowd_is_counted_and_cut() -> None:
    told = seen(*[{**DELL, "_spdisplays_display-serial-number": str(number)} for number in range(40)])
    assert told.values[EXTERNAL] == 40
    assert len([name for name in told.values if "_display_info" in name]) == 16


def test_graphics_processors() -> None:
    old = {"spdisplays_metalfamily": "spdisplays_mtlgpufamilyapple7"}
    assert one("macos_gpu_info", seen(**old)) == 'macos_gpu_info{cores="10",gpu="0",metal="apple7",model="Apple M4"}'
    new = {"spdisplays_mtlgpufamilysupport": "spdisplays_metal4", "sppci_cores": "many"}
    assert one("macos_gpu_info", seen(**new)) == 'macos_gpu_info{cores="",gpu="0",metal="metal4",model="Apple M4"}'


@steadily
@given(spoiled_json({"SPDisplaysDataType": [{**GPU, "spdisplays_ndrvs": [DELL, BUILT_IN]}]}))
def test_any_report_is_read_or_unparsable(told: bytes) -> None:
    assert see(displays, {REPORT: told}).problems.keys() <= {"unparsable"}
