"""Files of other programs: published whole under their own names, or refused whole; never a broken scrape."""

import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from exporters.core.metrics import render
from exporters.host import textfile
from exporters.host.exposition import BadExpositionError, Exposition
from exporters.sources.base import Denied, File, Listing, NotFound, Replies, TooLarge
from exporters.sources.local import Local
from exporters.sources.replay import Captured, Captures, Replay
from host.answering import context_of, lines, seen

GOOD = b"""# HELP backup_age_seconds How old the backup is.
# TYPE backup_age_seconds gauge
backup_age_seconds{volume="data",comment="a \\"quoted\\" one, with } and \\\\"} 12.5
backup_age_seconds{volume="home"} +Inf
# TYPE backup_runs_total counter
backup_runs_total 12
# TYPE backup_seconds histogram
backup_seconds_bucket{le="60"} 3
backup_seconds_bucket{le="+Inf"} 4
backup_seconds_sum 181.5
backup_seconds_count 4
# TYPE wait_seconds summary
wait_seconds{quantile="0.5"} 3.5
wait_seconds_sum 1024.5
wait_seconds_count 96
bare_value 1e3
"""


def published(folder: Path) -> list[str]:
    return lines("textfile", Local(), context_of("textfile", directory=str(folder)))


def standing(folder: Path) -> dict[str, str]:
    """The problem of each file, empty where there is none."""
    found = seen("textfile", Local(), context_of("textfile", directory=str(folder)))
    return {each.name: each.problem for each in found.reading}


def test_a_good_file_keeps_every_series_and_says_when_it_changed(tmp_path: Path) -> None:
    (tmp_path / "backup.prom").write_bytes(GOOD)
    os.utime(tmp_path / "backup.prom", (1790000000.5, 1790000000.5))
    found = published(tmp_path)
    assert "bare_value 1000.0" in found
    assert 'backup_seconds_bucket{le="+Inf"} 4.0' in found
    assert 'pomona_textfile_modification_timestamp_seconds{file="backup.prom"} 1790000000.5' in found
    assert 'pomona_textfile_error{file="backup.prom"} 0.0' in found


def series(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in text_format(text)
        for sample in metric.samples
    }


def test_what_is_rendered_reads_back_to_what_was_written() -> None:
    samples = Exposition().extended(GOOD).samples
    assert series(render(samples).decode()) == series(GOOD.decode())
    assert {metric.type for metric in text_format(render(samples).decode())} == {
        *("gauge", "counter", "histogram", "summary", "unknown")
    }
    read = {metric.name: metric.type for metric in openmetrics(f"{render(samples, 'openmetrics').decode()}# EOF\n")}
    assert read["backup_runs"] == "counter"


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_a_counter_of_the_old_style_keeps_its_name(form: str) -> None:
    content = b"# HELP jobs Jobs.\n# TYPE jobs counter\njobs 3\n# TYPE jobs_total counter\njobs_total 4\n"
    text = render(Exposition().extended(content).samples, "text" if form == "text" else "openmetrics").decode()
    assert [line for line in text.splitlines() if line[0] != "#"] == ["jobs 3.0", "jobs_total 4.0"]
    assert ("# TYPE jobs untyped" if form == "text" else "# TYPE jobs unknown") in text


def test_a_gauge_beside_the_counter_of_the_same_stem_stays_a_gauge() -> None:
    content = b"# TYPE jobs gauge\njobs 3\n# TYPE jobs_total counter\njobs_total 4\n"
    text = render(Exposition().extended(content).samples).decode()
    assert "# TYPE jobs gauge\njobs 3.0\n" in text
    assert "# TYPE jobs_total counter\njobs_total 4.0\n" in text


@pytest.mark.parametrize(
    ("gauge", "counter"),
    [("a.prom", "b.prom"), ("b.prom", "a.prom"), ("a.prom", "a.prom")],
)
def test_in_openmetrics_two_families_that_differ_by_total_have_two_names(
    tmp_path: Path, gauge: str, counter: str
) -> None:
    for name, content in (
        (gauge, "# TYPE jobs gauge\njobs 3\n"),
        (counter, "# TYPE jobs_total counter\njobs_total 4\n"),
    ):
        with (tmp_path / name).open("a") as file:
            file.write(content)
    (tmp_path / "c.prom").write_text("# TYPE runs_total counter\nruns_total 5\n")
    found = seen("textfile", Local(), context_of("textfile", directory=str(tmp_path)))
    samples = [sample for each in found.reading for sample in each.samples]
    read = {each.name: each for each in openmetrics(f"{render(samples, 'openmetrics').decode()}# EOF\n")}
    assert {name: each.type for name, each in read.items()} == {
        "jobs": "gauge",
        "jobs_total": "unknown",
        "runs": "counter",
    }
    assert [(sample.name, sample.value) for sample in read["jobs_total"].samples] == [("jobs_total", 4.0)]
    assert "# TYPE jobs_total untyped\njobs_total 4.0\n" in render(samples).decode()


FAULTS = {
    "half a line": (b"a 1\nb 2\nc 0.", "incomplete"),
    "half a name": (b"a 1\nna\n", "syntax"),
    "a lone nan": (b"nan\n", "syntax"),
    "no UTF-8": (b'a{name="\xff"} 1\n', "encoding"),
    "UTF-16": ("a 1\n".encode("utf-16"), "encoding"),
    "a timestamp": (b"a 1 1790000000000\n", "timestamp"),
    "a timestamp of zero": (b"a 1 0\n", "timestamp"),
    "the same series": (b'a{x="1",y="2"} 1\na{y="2",x="1"} 2\n', "duplicate"),
    "a series of a histogram twice": (
        b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_count{} 1\n',
        "duplicate",
    ),
    "a histogram's count as a gauge": (
        b"# TYPE h histogram\nh_count 1\n# TYPE h_count gauge\nh_count 1\n",
        "duplicate",
    ),
    "two types": (b"# TYPE a gauge\n# TYPE a counter\na 1\n", "conflict"),
    "a type after the samples": (b"a 1\n# TYPE a gauge\na{x='1'} 1\n".replace(b"'", b'"'), "conflict"),
    "an unknown type": (b"# TYPE a stateset\na 1\n", "syntax"),
    "no value": (b'a{x="1"}\n', "syntax"),
    "an open quote": (b'a{x="1} 1\n', "syntax"),
    "a value that is none": (b"a many\n", "syntax"),
    "a number beyond all bounds": (b"a " + b"9" * 400 + b"\n", "syntax"),
    "a name of UTF-8": ('{"größe"} 1\n'.encode(), "syntax"),
    "a label of UTF-8": ('a{"größe"="1"} 1\n'.encode(), "syntax"),
    "one of our names": (b"pomona_textfile_error 0\n", "conflict"),
    "HTML": (b"<html><body>502</body></html>\n", "syntax"),
    "NUL bytes": (b"\0" * 4096, "incomplete"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_file_gives_nothing_and_is_told_while_the_others_stay(tmp_path: Path, name: str) -> None:
    content, problem = FAULTS[name]
    (tmp_path / "faulty.prom").write_bytes(content)
    (tmp_path / "good.prom").write_bytes(GOOD)
    found = published(tmp_path)
    assert f'pomona_textfile_problem{{file="faulty.prom",problem="{problem}"}} 1.0' in found
    assert 'pomona_textfile_error{file="faulty.prom"} 1.0' in found
    assert 'pomona_textfile_error{file="good.prom"} 0.0' in found
    foreign = [line for line in found if not line.startswith("pomona_textfile")]
    assert len(foreign) == len(series(GOOD.decode()))


def test_an_empty_file_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.prom").touch()
    assert standing(tmp_path) == {"empty.prom": ""}


def test_of_two_files_the_first_by_name_holds_the_series_and_the_type(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b"# HELP x First.\n# TYPE x gauge\nx 1\n")
    (tmp_path / "b.prom").write_bytes(b'# HELP x Second.\n# TYPE x gauge\nx{b="1"} 2\n')
    (tmp_path / "c.prom").write_bytes(b'x{c="1"} 3\n')
    (tmp_path / "d.prom").write_bytes(b"# TYPE x gauge\nx 4\ny 4\n")
    assert standing(tmp_path) == {"a.prom": "", "b.prom": "", "c.prom": "conflict", "d.prom": "duplicate"}
    assert published(tmp_path)[:2] == ["x 1.0", 'x{b="1"} 2.0']


def test_a_refused_file_leaves_nothing_that_binds_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_bytes(b"# TYPE x gauge\nx 1\ny 1 5\n")
    (tmp_path / "b.prom").write_bytes(b"# TYPE x counter\nx 2\n")
    assert standing(tmp_path) == {"a.prom": "timestamp", "b.prom": ""}


def test_only_prom_files_of_the_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.prom.tmp").write_bytes(b"half")
    (tmp_path / "README").write_bytes(b"half")
    (tmp_path / "folder.prom").mkdir()
    os.mkfifo(tmp_path / "pipe.prom")
    assert standing(tmp_path) == {}


def test_a_file_name_of_any_bytes_is_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.prom")).write_bytes(b"a 1\n")
    (tmp_path / 'quote".prom').write_bytes(b"b 1\n")
    found = published(tmp_path)
    assert {"a 1.0", "b 1.0"} <= set(found)
    assert r'pomona_textfile_error{file="\\udcff.prom"} 0.0' in found
    assert r'pomona_textfile_error{file="quote\".prom"} 0.0' in found


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.prom").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    (tmp_path / "small.prom").write_bytes(b"a 1\n")
    assert standing(tmp_path) == {"huge.prom": "too_large", "small.prom": ""}


def filled(name: str, size: int) -> bytes:
    """A text of that many bytes with one sample."""
    sample = f"{name} 1\n".encode()
    return sample + b"#" * (size - len(sample) - 1) + b"\n"


def test_files_that_fit_together_are_read_and_the_others_told(tmp_path: Path) -> None:
    for name, size in {"a": 500_000, "b": 2**20 - 500_000, "c": 10, "d": 0}.items():
        (tmp_path / f"{name}.prom").write_bytes(filled(name, size) if size else b"")
    assert standing(tmp_path) == {"a.prom": "", "b.prom": "", "c.prom": "too_large", "d.prom": ""}
    found = published(tmp_path)
    assert found[:2] == ["a 1.0", "b 1.0"]
    assert 'pomona_textfile_problem{file="c.prom",problem="too_large"} 1.0' in found
    assert 'pomona_textfile_error{file="c.prom"} 1.0' in found


def test_a_file_that_does_not_fit_leaves_room_for_smaller_ones(tmp_path: Path) -> None:
    for name, size in {"a": 1_000_000, "b": 100_000, "c": 48_576}.items():
        (tmp_path / f"{name}.prom").write_bytes(filled(name, size))
    assert standing(tmp_path) == {"a.prom": "", "b.prom": "too_large", "c.prom": ""}


def test_a_file_that_does_not_fit_is_not_asked_for() -> None:
    listed = [{"name": f"{name}.prom", "size": 600_000, "modified": 1.0} for name in "ab"]
    captures = Captures(listings={"/checks": Captured(json.dumps(listed).encode())})
    context = context_of("textfile", directory="/checks")
    replies = Replies({textfile.listing(context)[0]: Replay(captures).ask(Listing("/checks", "*.prom"))})
    assert textfile.files(replies, context, None) == (File("/checks/a.prom"),)


def test_too_many_files_are_told_by_one(tmp_path: Path) -> None:
    for number in range(textfile.MOST + 20):
        (tmp_path / f"{number:04}.prom").write_bytes(b"a%d 1\n" % number)
    found = standing(tmp_path)
    assert len(found) == textfile.MOST + 1
    assert [name for name, problem in found.items() if problem] == [f"{textfile.MOST:04}.prom"]


@pytest.mark.parametrize("error", [Denied, TooLarge, NotFound])
def test_a_file_that_cannot_be_read_is_told(error: type[Denied]) -> None:
    listed = b'[{"name": "a.prom", "size": 4, "modified": 1.0}]'
    captures = Captures(listings={"/checks": Captured(listed)}, files={"/checks/a.prom": Captured(error=error)})
    found = lines("textfile", Replay(captures), context_of("textfile", directory="/checks/"))
    assert 'pomona_textfile_problem{file="a.prom",problem="unreadable"} 1.0' in found


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    assert seen("textfile", Local(), context_of("textfile", directory=str(tmp_path / "none"))).failed == "not_found"


def test_without_a_folder_nothing_is_asked() -> None:
    assert textfile.listing(context_of("textfile")) == ()
    assert lines("textfile", Local()) == []


def test_the_root_folder_and_a_slash_at_the_end_are_the_same_folder() -> None:
    assert textfile.listing(context_of("textfile", directory="/")) == (Listing("/", "*.prom"),)
    assert textfile.listing(context_of("textfile", directory="/checks/")) == (Listing("/checks", "*.prom"),)


NAMES = st.sampled_from(["a", "a_total", "b_bucket", "b", "b_sum", "b_count", "nan"])
VALUES = st.sampled_from(["1", "NaN", "+Inf", "-1e9", "x", "", "1 2"])
LABELS = st.sampled_from(["", "{}", '{le="1"}', '{x="\\n\\\\"}', '{x="é{}#,"}', '{x="1",}', '{x="1', '{"u v"="1"}'])
TYPES = st.sampled_from(["counter", "gauge", "histogram", "summary", "untyped", "info", "bogus"])
SAMPLE_LINES = st.builds("{}{} {}".format, NAMES, LABELS, VALUES)
META_LINES = st.builds("# TYPE {} {}".format, NAMES, TYPES) | st.builds("# HELP {} {}".format, NAMES, LABELS)
NOISE = st.text(st.characters(codec="utf-8"), max_size=12)
TEXTS = st.lists(SAMPLE_LINES | META_LINES | NOISE, max_size=8).map(lambda each: "".join(f"{line}\n" for line in each))
CONTENTS = TEXTS.map(str.encode) | st.binary(max_size=60)


@settings(derandomize=True, deadline=None, max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(first=CONTENTS, second=CONTENTS)
def test_any_bytes_are_refused_or_render_to_the_same_series_in_both_formats(first: bytes, second: bytes) -> None:
    exposition, accepted = Exposition(), ""
    for content in (first, second):
        try:
            exposition = exposition.extended(content)
        except BadExpositionError:
            continue
        accepted += content.decode()
    named = [f"{each.family.name}{each.suffix}" for each in exposition.samples]
    for form in ("text", "openmetrics"):
        rendered = render(exposition.samples, form).decode()
        shown = [line for line in rendered.split("\n") if line and line[0] != "#"]
        assert sorted(line.split("{")[0].split(" ")[0] for line in shown) == sorted(named)
    values = sorted(value for value in series(render(exposition.samples).decode()).values() if not math.isnan(value))
    assert values == sorted(each.value for each in exposition.samples if not math.isnan(each.value))
    assert all(name in accepted or name.removesuffix("_total") in accepted for name in named)


def test_an_entry_that_grew_after_it_was_listed_is_not_read() -> None:
    captures = Captures(
        listings={"/checks": Captured(b'[{"name": "a.prom", "size": 1, "modified": 1.0}]')},
        files={"/checks/a.prom": Captured(b"a 1\n" * 300_000)},
    )
    (found,) = seen("textfile", Replay(captures), context_of("textfile", directory="/checks")).reading
    assert found.problem == "too_large"


def test_files_that_grew_after_they_were_listed_stay_below_the_limit_together() -> None:
    listed = [{"name": f"{name}.prom", "size": 10, "modified": 1.0} for name in "abc"]
    captures = Captures(
        listings={"/checks": Captured(json.dumps(listed).encode())},
        files={f"/checks/{name}.prom": Captured(filled(name, 600_000)) for name in "ab"}
        | {"/checks/c.prom": Captured(b"c 1\n")},
    )
    found = seen("textfile", Replay(captures), context_of("textfile", directory="/checks")).reading
    assert [each.problem for each in found] == ["", "too_large", ""]
