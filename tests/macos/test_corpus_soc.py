"""Captures of macmon and powermetrics: one sample each, repeated to the length of a run."""

import json
from pathlib import Path

import pytest

from conftest import context_for
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.macmon import PIPE
from exporters.macos.powermetrics import CHIP, SMC
from exporters.macos.soc import SAMPLES
from exporters.macos.soc_power import SocPower, soc_power
from exporters.sources.replay import Replay
from macos.looking import Answers, captures, see

# the last sample of a capture: watts of CPU and GPU, MHz of the clusters, Celsius of the CPU, active share of P, fans
PIPED = {
    "pipe-0.7.2-legacy.ndjson": (3.351, 25.04, (1708, 2815, 1581), 58.34, None, []),
    "pipe-0.8.2-busy.ndjson": (3.412, 24.87, (1699, 2840, 1578), 57.83, 0.235, [2412, 2608]),
    "pipe-old-unsorted.ndjson": (0.06117144, 0.0012522695, (1210, 1260, 169), 40.835796, None, []),
}


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def powermetrics(answers: Answers) -> dict[str, float]:
    context = context_for(soc_power)
    reading = look(soc_power, Replay(captures(answers)), type(context)(config=SocPower("powermetrics"))).reading
    assert soc_power.advance
    state = soc_power.advance(None, reading, 0.0, context)
    text = render(soc_power.metrics(state, context)).decode()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, value in rows}


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    assert {path.name for path in (macos / "macmon").glob("*.ndjson")} <= set(PIPED)
    plists = {path.name for folder in ("powermetrics", "powermetrics-smc") for path in (macos / folder).glob("*.plist")}
    assert plists <= {"m4max-macos26.2.plist", "m4max-thermal-minimal.plist", "intel-plist-shape.plist"}


@pytest.mark.parametrize("name", PIPED)
def test_macmon(name: str, macos: Path) -> None:
    cpu, gpu, clusters, celsius, active, fans = PIPED[name]
    last = (macos / "macmon" / name).read_bytes().strip().split(b"\n")[-1]
    assert json.loads(last)
    seen = see(soc_power, {PIPE: (last + b"\n") * SAMPLES})
    assert seen.problems == {}
    assert seen.values['macos_soc_power_watts{unit="cpu"}'] == pytest.approx(cpu)
    assert seen.values['macos_soc_power_watts{unit="gpu"}'] == pytest.approx(gpu)
    assert seen.values['macos_soc_energy_joules_total{unit="cpu"}'] == pytest.approx(45 * cpu)
    hertz = [seen.values[f'macos_soc_frequency_hertz{{cluster="{cluster}"}}'] for cluster in ("e", "p", "gpu")]
    assert hertz == pytest.approx([1e6 * each for each in clusters])
    assert seen.values['macos_soc_temperature_celsius{sensor="cpu"}'] == pytest.approx(celsius)
    assert seen.values.get('macos_soc_active_ratio{cluster="p"}') == pytest.approx(active)
    assert [value for series, value in seen.values.items() if series.startswith("macos_fan")] == pytest.approx(fans)


def test_powermetrics_of_apple_silicon(macos: Path) -> None:
    """Its energies and powers prove each other's units: 3049 mJ in 1.0237 s are 2978 mW."""
    sample = (macos / "powermetrics" / "m4max-macos26.2.plist").read_bytes()
    told = powermetrics({CHIP: b"\0".join([sample] * SAMPLES)})
    assert told['macos_soc_power_watts{unit="cpu"}'] == pytest.approx(2.97845)
    assert told['macos_soc_power_watts{unit="gpu"}'] == pytest.approx(0.269614)
    assert told['macos_soc_power_watts{unit="ane"}'] == 0
    assert told['macos_soc_energy_joules_total{unit="cpu"}'] == pytest.approx(SAMPLES * 3.049, rel=1e-3)
    assert told['macos_soc_measured_seconds_total{unit="cpu"}'] == pytest.approx(SAMPLES * 1.023685416)
    assert told['macos_soc_frequency_hertz{cluster="e"}'] == pytest.approx(1.15444e9)
    assert told['macos_soc_frequency_hertz{cluster="p0"}'] == pytest.approx(3.56087e9)
    assert told['macos_soc_frequency_hertz{cluster="gpu"}'] == pytest.approx(338e6)
    assert told['macos_soc_active_ratio{cluster="e"}'] == pytest.approx(0.52968)
    assert told['macos_soc_active_ratio{cluster="p1"}'] == pytest.approx(0.000354, abs=1e-5)
    assert told['macos_soc_active_ratio{cluster="gpu"}'] == pytest.approx(0.122657)


def test_a_sample_without_a_processor_is_no_run(macos: Path) -> None:
    sample = (macos / "powermetrics" / "m4max-thermal-minimal.plist").read_bytes()
    answers = captures({CHIP: b"\0".join([sample] * SAMPLES)})
    context = type(context_for(soc_power))(config=SocPower("powermetrics"))
    assert look(soc_power, Replay(answers), context).problems.keys() == {"unparsable"}


def test_powermetrics_of_intel(macos: Path) -> None:
    """The keys of the capture are real, its values invented, and it does not say how long it measured."""
    whole = (macos / "powermetrics-smc" / "intel-plist-shape.plist").read_bytes()
    lasting = whole.replace(
        b"<key>is_delta</key>", b"<key>elapsed_ns</key><integer>5000000000</integer>\n<key>is_delta</key>"
    )
    told = powermetrics({CHIP: b"\0".join([lasting] * SAMPLES), SMC: whole})
    assert told['macos_soc_power_watts{unit="package"}'] == pytest.approx(187.25)
    assert told['macos_soc_temperature_celsius{sensor="cpu"}'] == 67
    assert told['macos_soc_temperature_celsius{sensor="gpu"}'] == 59.5
    assert told['macos_fan_speed_rpm{fan="0"}'] == 1878.5
