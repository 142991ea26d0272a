"""Applications: every one counts once, under closed words; names leave only where they are asked for."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.applications import ARCHITECTURES, REPORT, SOURCES, Applications, applications
from exporters.sources.replay import Captured, Replay
from macos.looking import Seen, captures, see, spoiled_bytes, spoiled_json, steadily

CHAIN = ["Developer ID Application: Orchard Tools LLC (QX7R2M4K9T)", "Developer ID Certification Authority"]


def app(path: str = "/Applications/Graft.app", **fields: Any) -> dict[str, Any]:
    """An application as system_profiler prints it; None takes a field away."""
    whole = {
        "_name": "Shown name",
        "arch_kind": "arch_arm_i64",
        "lastModified": "2026-03-02T09:14:55Z",
        "obtained_from": "identified_developer",
        "path": path,
        "signed_by": CHAIN,
        "version": "3.4.1",
    }
    return {name: value for name, value in (whole | fields).items() if value is not None}


def report(*items: Any) -> bytes:
    return json.dumps({"SPApplicationsDataType": items}).encode()


def chosen(include: str, *items: Any, maximum: int = 100) -> str:
    """What is published with a configuration."""
    context = Context(config=Applications(include=include, maximum=maximum), key=b"fixture")
    seen = look(applications, Replay(captures({REPORT: report(*items)})), context)
    return render(applications.metrics(seen.reading, context)).decode()


def names(text: str) -> list[str]:
    return [
        line.split('bundle="')[1].split('"')[0]
        for line in text.splitlines()
        if line.startswith("macos_application_info{")
    ]


def counted(*items: Any) -> dict[str, float]:
    return dict(see(applications, {REPORT: report(*items)}).values)


def series(source: str, architecture: str, signed: str) -> str:
    return f'macos_applications{{architecture="{architecture}",signed="{signed}",source="{source}"}}'


def test_the_samples_add_up_to_all_applications() -> None:
    unlike = [
        app(arch_kind=kind, obtained_from=source) for kind in (*ARCHITECTURES, "arch_new", 7) for source in SOURCES
    ]
    assert sum(counted(*unlike, app(), app()).values()) == len(unlike) + 2


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [
        ("arch_i64", "intel"),
        ("arch_i32_i64", "intel"),
        ("arch_i32", "intel_32"),
        ("arch_arm", "apple_silicon"),
        ("arch_arm_i64", "universal"),
        ("arch_ppc", "other"),
        (None, "other"),
        (["arch_i64"], "other"),
    ],
)
def test_architecture(kind: Any, architecture: str) -> None:
    assert counted(app(arch_kind=kind)) == {series("identified_developer", architecture, "true"): 1}


def test_what_no_certificate_signed() -> None:
    alone = app(obtained_from="unknown", signed_by=None)
    assert counted(app(), alone)[series("unknown", "universal", "false")] == 1
    own = app(obtained_from="unknown", signed_by=["Robin's own certificate"])
    assert counted(app(), own)[series("unknown", "universal", "true")] == 1


def test_apple_s_own_are_signed_even_where_no_certificate_is_named() -> None:
    """As on macOS 27."""
    assert counted(app(), app(obtained_from="apple", signed_by=None))[series("apple", "universal", "true")] == 1


def test_without_any_certificate_in_the_report_nothing_is_called_unsigned() -> None:
    assert counted(app(obtained_from="unknown", signed_by=None)) == {series("unknown", "universal", ""): 1}


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"{}",
        b"null",
        report(),
        b'{"SPApplicationsDataType": {}}',
        report(None),
        report("Graft"),
        report(app())[:-1],
    ],
)
def test_what_is_no_report_of_applications_is_a_problem_and_no_sample(printed: bytes) -> None:
    seen = see(applications, {REPORT: printed})
    assert seen.values == {}
    assert seen.problems.keys() == {"unparsable"}


def test_no_name_leaves_unless_it_is_asked_for() -> None:
    text = chosen("", app("/Applications/Graft.app"))
    assert "Graft" not in text
    assert "unlisted" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/Users/robin/Applications/Graft.app",
        "/Users/robin/Applications/Applications/Graft.app",
        "/Volumes/Robin/Applications/Graft.app",
        "/Library/Application Support/Graft.app",
        "/Applications/Suite.app/Contents/MacOS/Graft.app",
        "/Applications/Graft.service",
        "/Applications/.app",
        "/ApplicationsX/Graft.app",
        "Graft.app",
        "",
        None,
        7,
    ],
)
def test_nothing_outside_of_the_common_folders_is_named(path: Any) -> None:
    assert names(chosen(".*", app(path=path))) == []


def test_only_whole_names_are_matched_and_the_shown_name_does_not_matter() -> None:
    items = [app("/Applications/Graft.app"), app("/Applications/Graft 2.app"), app("/Applications/Tools/Cider.app")]
    assert names(chosen("Graft|Cider|Shown name", *items)) == ["Cider", "Graft"]


def test_a_name_in_two_folders_is_one_series_and_two_versions_are_two() -> None:
    items = [app("/Applications/Cider.app"), app("/Applications/Cider.localized/Cider.app")]
    assert names(chosen(".*", *items)) == ["Cider"]
    assert names(chosen(".*", *items, app("/Applications/Old/Cider.app", version="2"))) == ["Cider", "Cider"]


def test_what_is_cut_is_told_and_the_same_ones_stay_in_any_order() -> None:
    items = [app(f"/Applications/{name}.app") for name in ("delta", "Alpha", "charlie", "Bravo")]
    for order in (items, items[::-1]):
        text = chosen(".*", *order, maximum=3)
        assert names(text) == ["Alpha", "Bravo", "charlie"]
        assert "macos_applications_unlisted 1.0" in text


def test_a_missing_version_is_no_version() -> None:
    assert 'version=""' in chosen(".*", app(version=None))
    assert 'version=""' in chosen(".*", app(version=1.5))


@pytest.mark.parametrize("given", [{"include": "("}, {"maximum": 0}, {"maximum": "3"}, {"exclude": "x"}])
def test_a_configuration_that_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Applications)


@steadily
@given(spoiled_json({"SPApplicationsDataType": [app(), app("/Applications/Cider.app", obtained_from="unknown")]}))
def test_any_values_are_counted_or_unparsable(printed: bytes) -> None:
    check(see(applications, {REPORT: printed}))


@steadily
@given(spoiled_bytes(report(app(), app("/Applications/Cider.app"))))
def test_any_bytes_are_counted_or_unparsable(printed: bytes) -> None:
    check(see(applications, {REPORT: Captured(printed)}))


def check(seen: Seen) -> None:
    assert bool(seen.values) != bool(seen.problems)
    assert seen.problems.keys() <= {"unparsable"}
    assert all(value >= 1 and value == int(value) for value in seen.values.values())
