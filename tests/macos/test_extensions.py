"""System extensions: counted only where the list is whole, states in closed words, kernel extensions on request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.extensions import ALL_STATES, LIST, LOADED, MOST_SHOWN, TITLES, ExtensionsConfig, extensions
from exporters.sources.base import Denied
from exporters.sources.replay import Captured, Replay
from macos.looking import Seen, captures, see, spoiled_bytes, steadily

NETWORK = "--- com.apple.system_extension.network_extension (Go to 'System Settings' to modify these extension(s))\n"
SECURITY = "--- com.apple.system_extension.endpoint_security\n"
HEAD = f"{TITLES}\n"
KERNEL_HEAD = "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n"
KERNEL = (
    "    1  132 0                  0          0          com.apple.kpi.bsd (22.6.0) 3D2F7A10-5B6C <>\n"
    "  171    0 0xffffff7fa2b31000 0x1f000    0x1f000    com.cider.cellar (4.5.0) 5F409C32-7D8E <8 6 5 3 1>\n"
)


def row(bundle: str = "com.cider.tunnel (11.2/11.2.0)", state: str = "[activated enabled]") -> str:
    return f"*\t*\t4HW8N3VB6D\t{bundle}\tCider Tunnel\t{state}\n"


def listing(*rows: str, total: int | None = None, category: str = NETWORK) -> str:
    return f"{len(rows) if total is None else total} extension(s)\n{category}{HEAD}" + "".join(rows)


def seen(printed: str) -> Seen:
    return see(extensions, {LIST: printed.encode()})


def states(told: Seen) -> dict[str, float]:
    """The counts that are not 0."""
    counts = {key.split('"')[1]: value for key, value in told.values.items() if key.startswith("macos_system_ext")}
    return {state: value for state, value in counts.items() if state in ALL_STATES and value}


def infos(told: Seen) -> list[str]:
    return [key for key in told.values if key.startswith("macos_system_extension_info")]


def with_kernel(answer: bytes | Captured) -> tuple[str, dict[str, str]]:
    """What is published, and the problems, where kernel extensions are asked for."""
    context = Context(config=ExtensionsConfig(kernel=True), key=b"fixture")
    told = look(extensions, Replay(captures({LIST: b"0 extension(s)\n", LOADED: answer})), context)
    return render(extensions.metrics(told.reading, context)).decode(), dict(told.problems)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("[activated enabled]", "activated_enabled"),
        ("[activated disabled]", "activated_disabled"),
        ("[activated waiting for user]", "waiting_for_user"),
        ("[activated waiting to upgrade]", "waiting_to_upgrade"),
        ("[terminated waiting to uninstall on reboot]", "terminated"),
        ("[terminating for uninstall]", "terminated"),
        ("[validating]", "other"),
        ("[]", "other"),
    ],
)
def test_state(told: str, state: str) -> None:
    assert states(seen(listing(row(state=told)))) == {state: 1}


def test_no_extension_is_a_measured_zero_of_every_state() -> None:
    told = seen("0 extension(s)\n")
    assert told.values == {f'macos_system_extensions{{state="{state}"}}': 0 for state in ALL_STATES}


def test_an_upgrade_shows_both_versions() -> None:
    old = row("com.cider.tunnel (11.1/1)", "[terminated waiting to uninstall on reboot]")
    told = seen(listing(old, row()))
    assert states(told) == {"terminated": 1, "activated_enabled": 1}
    assert len(infos(told)) == 2


@pytest.mark.parametrize("total", [1, 2])
def test_an_extension_of_two_categories_counts_once_however_macos_counts_it(total: int) -> None:
    told = seen(listing(row(), total=total) + SECURITY + HEAD + row())
    assert states(told) == {"activated_enabled": 1}
    assert len(infos(told)) == 2


@pytest.mark.parametrize(
    ("bundle", "version", "build"),
    [
        ("com.cider.x (1.0/14)", "1.0", "14"),
        ("com.cider.x (2.0)", "2.0", ""),
        ("com.cider.x (6.2.6-838/1)", "6.2.6-838", "1"),
        ("com.cider.x ()", "", ""),
    ],
)
def test_version(bundle: str, version: str, build: str) -> None:
    (info,) = infos(seen(listing(row(bundle))))
    assert f'version="{version}"' in info
    assert f'build="{build}"' in info


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "\n",
        "extension(s)\n",
        "1 extension(s)",
        "1 Erweiterung(en)\n" + listing(row()).partition("\n")[2],
        listing(row(), total=2),
        listing(row(), row("com.cider.y (1/1)"), total=1),
        listing(row())[:-1],
        listing(row().replace("\t", " ")),
        listing(row("com.cider.tunnel")),
        listing("*\t*\t4HW8N3VB6D\n"),
        listing(row(), category="Network Extensions\n"),
        listing(total=1).replace("teamID", "Team"),
        "\n".join(("No privileges.", listing(row()))),
    ],
)
def test_what_is_no_whole_list_is_a_problem_and_no_sample(printed: str) -> None:
    told = seen(printed)
    assert told.values == {}
    assert told.problems.keys() == {"unparsable"}


def test_an_unknown_category_is_other_and_blank_lines_do_not_matter() -> None:
    (info,) = infos(seen(listing(row(), category="--- com.apple.system_extension.new\n") + "\n"))
    assert 'category="other"' in info


def test_infos_are_bounded_and_counts_are_not() -> None:
    many = [row(f"com.cider.number{number} (1/1)") for number in range(MOST_SHOWN + 7)]
    told = seen(listing(*many))
    assert len(infos(told)) == MOST_SHOWN
    assert states(told) == {"activated_enabled": MOST_SHOWN + 7}


def test_kernel_extensions_are_not_asked_for_by_default() -> None:
    assert extensions.optional_for(Context(config=ExtensionsConfig())) == ()


def test_kernel_extensions_by_vendor_below_whatever_stands_before_the_titles() -> None:
    text, problems = with_kernel(f"Executing: /usr/bin/kmutil showloaded\n{KERNEL_HEAD}{KERNEL}".encode())
    assert 'macos_kernel_extensions{vendor="apple"} 1.0' in text
    assert 'macos_kernel_extensions{vendor="other"} 1.0' in text
    assert problems == {}


@pytest.mark.parametrize(
    "printed", ["", KERNEL, KERNEL_HEAD, KERNEL_HEAD + KERNEL[:-1], f"{KERNEL_HEAD}{KERNEL}error: unknown row\n"]
)
def test_kernel_extensions_that_cannot_be_read_leave_the_others(printed: str) -> None:
    text, problems = with_kernel(printed.encode())
    assert "macos_kernel_extensions" not in text
    assert 'macos_system_extensions{state="other"} 0.0' in text
    assert problems.keys() == {"unparsable"}


def test_kernel_extensions_that_are_denied_leave_the_others() -> None:
    text, problems = with_kernel(Captured(error=Denied))
    assert "macos_system_extensions" in text
    assert problems.keys() == {"denied"}


@steadily
@given(spoiled_bytes(listing(row(), row("com.cider.y (1/1)")).encode()))
def test_any_bytes_are_counted_or_unparsable(printed: bytes) -> None:
    told = see(extensions, {LIST: printed})
    assert bool(told.values) != bool(told.problems)
    assert told.problems.keys() <= {"unparsable"}


@steadily
@given(st.lists(st.tuples(st.sampled_from(ALL_STATES), st.integers(0, 3)), max_size=6))
def test_the_states_add_up_to_the_extensions(drawn: list[tuple[str, int]]) -> None:
    rows = [row(f"com.cider.x{number} (1/{place})", f"[{word}]") for place, (word, number) in enumerate(drawn)]
    assert sum(states(seen(listing(*rows))).values()) == len(rows)


@steadily
@given(spoiled_bytes((KERNEL_HEAD + KERNEL).encode()))
def test_any_bytes_of_kmutil_leave_the_others(printed: bytes) -> None:
    text, problems = with_kernel(printed)
    assert "macos_system_extensions" in text
    assert ("macos_kernel_extensions" in text) != bool(problems)
