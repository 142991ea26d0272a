"""Power of the chip: every sample counts, energy only while measured, no zero that nobody measured."""

import json
import plistlib
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given

from conftest import context_for
from exporters.core.flight import Look, look
from exporters.core.metrics import render
from exporters.core.options import custom, sections_of
from exporters.macos.macmon import PIPE
from exporters.macos.powermetrics import CHIP, SMC
from exporters.macos.soc import SAMPLES
from exporters.macos.soc_power import SocPower, Totals, soc_power
from exporters.sources.base import Denied
from exporters.sources.replay import Captured, Replay
from macos.looking import Answers, Seen, captures, see, spoiled_bytes, steadily

PIPED: dict[str, Any] = {
    "cpu_power": 4.0,
    "gpu_power": 1.0,
    "ane_power": 0.0,
    "ecpu_usage": [1100, 0.1],
    "pcpu_usage": [2400, 0.2],
    "gpu_usage": [400, 0.05],
    "temp": {"cpu_temp_avg": 52.5, "gpu_temp_avg": 0.0},
}
CLUSTERS = [{"name": "E-Cluster", "freq_hz": 1.1e9, "idle_ratio": 0.5}]
MEASURED = {"elapsed_ns": 5_000_000_000, "processor": {"clusters": CLUSTERS, "cpu_power": 3000.0}}
ROOT = replace(context_for(soc_power), config=SocPower("powermetrics"))


def ndjson(*samples: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in samples).encode()


def piped(**changes: Any) -> Seen:
    return see(soc_power, {PIPE: ndjson(*[PIPED | changes] * SAMPLES)})


def plists(*samples: dict[str, Any]) -> bytes:
    return b"\0".join(plistlib.dumps(each) for each in samples)


def asked(answers: Answers) -> Look:
    return look(soc_power, Replay(captures(answers)), ROOT)


def after(*looks: Look) -> dict[str, float]:
    """What is published after these looks, one after another."""
    state: Totals | None = None
    assert soc_power.advance
    for each in looks:
        state = soc_power.advance(state, each.reading, 0.0, ROOT)
    rows = (line.rsplit(" ", 1) for line in render(soc_power.metrics(state, ROOT)).decode().splitlines())
    return {series: float(value) for series, value in rows if not series.startswith("#")}


def measured(**changes: Any) -> dict[str, float]:
    return after(asked({CHIP: plists(*[MEASURED | changes] * SAMPLES)}))


def test_the_energy_is_the_sum_of_all_samples_but_the_first_of_macmon() -> None:
    samples = [PIPED | {"cpu_power": float(number)} for number in range(SAMPLES)]
    values = see(soc_power, {PIPE: ndjson(*samples)}).values
    assert values['macos_soc_energy_joules_total{unit="cpu"}'] == 5 * sum(range(SAMPLES))
    assert values['macos_soc_measured_seconds_total{unit="cpu"}'] == 5 * (SAMPLES - 1)
    assert values['macos_soc_power_watts{unit="cpu"}'] == sum(range(SAMPLES)) / (SAMPLES - 1)


def test_samples_of_powermetrics_count_for_as_long_as_they_lasted() -> None:
    long = MEASURED | {"elapsed_ns": 15_000_000_000, "processor": {"cpu_power": 1000.0}}
    values = after(asked({CHIP: plists(*[MEASURED] * (SAMPLES - 1), long)}))
    assert values['macos_soc_energy_joules_total{unit="cpu"}'] == pytest.approx(9 * 15 + 15)
    assert values['macos_soc_power_watts{unit="cpu"}'] == pytest.approx(150 / 60)


def test_runs_add_up_and_a_failed_one_adds_nothing() -> None:
    good, denied = asked({CHIP: plists(*[MEASURED] * SAMPLES)}), asked({CHIP: Captured(error=Denied)})
    assert denied.problems.keys() == {"denied"}
    values = after(good, good, denied)
    assert values == {
        'macos_soc_energy_joules_total{unit="cpu"}': pytest.approx(300),
        'macos_soc_measured_seconds_total{unit="cpu"}': pytest.approx(100),
    }


def test_without_macmon_it_is_unsupported() -> None:
    seen = look(soc_power, Replay(captures({})), context_for(soc_power))
    assert (seen.supported, seen.problems) == (False, {})


def test_a_cpu_that_draws_nothing_was_not_measured_and_an_idle_neural_engine_was() -> None:
    values = piped(cpu_power=0.0).values
    assert 'macos_soc_power_watts{unit="cpu"}' not in values
    assert values['macos_soc_power_watts{unit="ane"}'] == 0


def test_a_cpu_of_which_powermetrics_tells_nothing_was_not_measured() -> None:
    values = measured(processor={"cpu_power": 0.0, "gpu_power": 0.0, "ane_power": 250.0})
    assert {series.split('"')[1]: value for series, value in values.items() if "watts" in series} == {
        "gpu": 0,
        "ane": pytest.approx(0.25),
    }


def test_no_sensor_is_no_temperature() -> None:
    values = piped().values
    assert values['macos_soc_temperature_celsius{sensor="cpu"}'] == 52.5
    assert 'macos_soc_temperature_celsius{sensor="gpu"}' not in values


def test_use_that_is_weighted_by_frequency_is_not_taken_for_time() -> None:
    assert not [series for series in piped(cpu_usage_pct=0.2).values if "active" in series]
    assert piped(ecpu_active_ratio=0.4).values['macos_soc_active_ratio{cluster="e"}'] == pytest.approx(0.4)


def test_fans_by_position_and_one_that_rests() -> None:
    values = piped(fans=[{"name": "Robin's", "rpm": 0}, {"rpm": 1700}, {"rpm": 65535}]).values
    fans = {series: value for series, value in values.items() if series.startswith("macos_fan")}
    assert fans == {'macos_fan_speed_rpm{fan="0"}': 0, 'macos_fan_speed_rpm{fan="1"}': 1700}


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        ndjson(*[PIPED] * (SAMPLES - 1)),
        ndjson(*[PIPED] * SAMPLES)[:-1],
        ndjson(*[PIPED] * SAMPLES, {"temp": 7}),
        ndjson(*[{"error": "no data"}] * SAMPLES),
        b"[1]\n" * SAMPLES,
        b"Error: unsupported chip\n" * SAMPLES,
    ],
)
def test_what_is_no_whole_run_of_macmon_counts_for_nothing(printed: bytes) -> None:
    seen = see(soc_power, {PIPE: printed})
    assert (seen.values, seen.problems.keys()) == ({}, {"unparsable"})


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        plists(*[MEASURED] * (SAMPLES - 1)),
        plists(*[MEASURED] * SAMPLES)[:-20],
        plists(*[{"processor": MEASURED["processor"]}] * SAMPLES),
        plists(*[{**MEASURED, "elapsed_ns": 0}] * SAMPLES),
        plists(*[{"elapsed_ns": 5_000_000_000}] * SAMPLES),
    ],
)
def test_what_is_no_whole_run_of_powermetrics_counts_for_nothing(printed: bytes) -> None:
    assert asked({CHIP: printed}).problems.keys() == {"unparsable"}


def test_frequencies_in_hertz_and_in_mhz() -> None:
    values = measured(gpu={"freq_hz": 338.0, "idle_ratio": 0.9})
    assert values['macos_soc_frequency_hertz{cluster="e"}'] == pytest.approx(1.1e9)
    assert values['macos_soc_frequency_hertz{cluster="gpu"}'] == pytest.approx(338e6)
    assert values['macos_soc_active_ratio{cluster="gpu"}'] == pytest.approx(0.1)


def test_a_cluster_that_is_off_is_not_active_and_one_of_an_unknown_name_has_a_number() -> None:
    off = {"name": "P1-Cluster", "freq_hz": 0.0, "idle_ratio": 0.0, "down_ratio": 1.0}
    clusters = [off, {"name": "Robin's Cluster", "freq_hz": 2e9}, *CLUSTERS, *CLUSTERS]
    values = measured(processor={"clusters": clusters, "cpu_power": 1.0})
    assert values['macos_soc_active_ratio{cluster="p1"}'] == 0
    assert 'macos_soc_frequency_hertz{cluster="p1"}' not in values
    assert values['macos_soc_frequency_hertz{cluster="cluster1"}'] == 2e9
    assert values['macos_soc_frequency_hertz{cluster="e#2"}'] == pytest.approx(1.1e9)


def test_intel_has_watts_of_the_package_and_is_asked_for_its_sensors() -> None:
    chip = plists(*[{"elapsed_ns": 5_000_000_000, "processor": {"package_watts": 20.5}}] * SAMPLES)
    smc = {"smc": {"fan": 2942.43, "cpu_die": 76.93, "gpu_die": 0.0}}
    values = after(asked({CHIP: chip, SMC: plists(smc)}))
    assert values['macos_soc_power_watts{unit="package"}'] == pytest.approx(20.5)
    assert values['macos_soc_energy_joules_total{unit="package"}'] == pytest.approx(1025)
    assert values['macos_fan_speed_rpm{fan="0"}'] == 2942.43
    assert values['macos_soc_temperature_celsius{sensor="cpu"}'] == 76.93
    assert 'macos_soc_temperature_celsius{sensor="gpu"}' not in values
    broken = asked({CHIP: chip, SMC: b"unrecongnized sampler: smc"})
    assert 'macos_soc_power_watts{unit="package"}' in after(broken)


def test_a_command_that_needs_root_is_asked_only_where_the_configuration_says_so() -> None:
    assert [each.argv[0] for each in soc_power.optional_for(context_for(soc_power))] == ["macmon"]
    (chip,) = soc_power.optional_for(ROOT)
    assert chip.argv[0] == "powermetrics"
    assert chip.root
    assert not soc_power.enabled


@pytest.mark.parametrize("cadence", [10, "59s"])
def test_a_cadence_that_is_shorter_than_a_run_is_refused_with_the_reason(cadence: object) -> None:
    with pytest.raises(msgspec.ValidationError, match="at least 60 s, because one look takes nearly as long"):
        msgspec.convert({"soc_power": {"cadence": cadence}}, sections_of([soc_power]), dec_hook=custom)
    kept = msgspec.convert({"soc_power": {"cadence": "1m"}}, sections_of([soc_power]), dec_hook=custom)
    assert kept.soc_power.cadence == 60  # type: ignore[attr-defined]


@steadily
@given(spoiled_bytes(ndjson(*[PIPED] * SAMPLES)), spoiled_bytes(plists(*[MEASURED] * SAMPLES)))
def test_any_output_is_read_or_unparsable(pipe: bytes, chip: bytes) -> None:
    assert see(soc_power, {PIPE: pipe}).problems.keys() <= {"unparsable"}
    assert asked({CHIP: chip}).problems.keys() <= {"unparsable"}
