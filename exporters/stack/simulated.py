"""Simulated Macs: captures that answer live, computed on demand from a seed and a clock; nothing runs in between."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any
from zlib import crc32

import msgspec

from exporters.core.clock import Clock
from exporters.sources.replay import Captured, Captures, Supply
from exporters.stack import device_reports, facts, power_reports
from exporters.stack.dynamics import HOUR, MINUTE, Habit, Nap, Naps, Visit, wave
from exporters.stack.facts import Moment, Rates
from exporters.stack.machines import MODELS, Battery, Device, Model
from exporters.stack.power_reports import PACK_ONLY, Power, power
from exporters.stack.topics import TOPICS
from exporters.stack.view import Fact, Report, Site, View

UP_AT_FIRST = 10 * MINUTE
WARM, HOT = 0.8, 0.9
LOW = 0.2
LASTING = 4 * MINUTE
"""Seconds after which a low battery has been looked at, scraped, and was low for as long as a rule wants."""
SITES = ("north", "south", "west")


@dataclass(frozen=True, slots=True)
class Nature:
    """What the seed decided about one Mac. `uptime` is in seconds when the simulation began."""

    rates: Rates
    habit: Habit | None
    naps: Naps
    visits: tuple[tuple[Device, Visit], ...]
    uptime: float


def nature(name: str, model: Model, seed: int, speed: float) -> Nature:
    """The same for the same name, model and seed, in every process."""
    random = Random(f"{seed}/{name}")  # noqa: S311 - a simulation
    rates = Rates(
        load=wave(random, random.uniform(0.1, 0.3)),
        reads=wave(random, random.uniform(0.5e6, 3e6)),
        writes=wave(random, random.uniform(0.5e6, 2e6)),
        received=wave(random, random.uniform(50e3, 500e3)),
        sent=wave(random, random.uniform(10e3, 100e3)),
    )
    habit = _habit(random, f"{seed}/{name}", model.battery) if model.battery else None
    naps = Naps(UP_AT_FIRST * speed, random.uniform(0.5, 2) * HOUR, random.uniform(0.3, 1) * HOUR)
    visits = tuple((device, _visit(random, device)) for device in model.devices)
    return Nature(rates, habit, naps if model.sleeps else Naps(), visits, random.uniform(1, 20) * 24 * HOUR)


def _habit(random: Random, seed: str, battery: Battery) -> Habit:
    drain = random.uniform(*battery.hours) * HOUR
    charge, rest = random.uniform(1.5, 2.5) * HOUR, random.uniform(1, 4) * HOUR
    begun = random.uniform(0, drain + charge + rest)
    offset = drain * (1 - battery.begins / battery.high) if battery.begins else begun
    return Habit(seed, drain, charge, rest, battery.high, battery.low, offset)


def _visit(random: Random, device: Device) -> Visit:
    period = random.uniform(1, 4) * HOUR
    return Visit(period, device.share, random.uniform(0, period))


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the simulation began, on the elapsed clock, and how fast the Macs' own time runs."""

    clock: Clock
    speed: float
    begun: float

    def passed(self) -> float:
        """Real seconds since it began."""
        return self.clock.elapsed() - self.begun

    def time(self) -> float:
        """Seconds of the Macs' own time."""
        return self.passed() * self.speed

    def site(self, seed: int, name: str) -> Site:
        """The site that a Mac stands at."""
        site = site_of(name)
        return Site(site, f"{seed}/{site}", self.time(), self.clock.now() - self.passed(), self.speed)


def site_of(name: str) -> str:
    """The site that the Mac of that name stands at."""
    return SITES[crc32(name.encode()) % len(SITES)]


class Mac:
    """One simulated Mac, and its clock: it counts no time awake while it sleeps, and its Unix time is the real one."""

    def __init__(self, name: str, model: Model, seed: int, line: Timeline) -> None:
        self.name, self.model = name, model
        self._seed, self._fleet_seed = f"{seed}/{name}", seed
        self._nature = nature(name, model, seed, line.speed)
        self._line = line

    @property
    def asleep(self) -> bool:
        """Whether it sleeps now: nobody can reach it."""
        return self._nap().asleep

    def now(self) -> float:
        """Unix time."""
        return self._line.clock.now()

    def elapsed(self) -> float:
        """Seconds since its boot, sleep included."""
        return self._nature.uptime + self._line.passed()

    def awake(self) -> float:
        """Seconds since its boot, sleep left out."""
        return self.elapsed() - self._nap().slept / self._line.speed

    @cached_property
    def captures(self) -> Captures:
        """Its answers, each computed when it is asked for."""
        commands, systems = self._commands(), self._systems()
        files: dict[str, Supply] = {}
        listings: dict[str, Supply] = {}
        probes: dict[str, Supply] = {}
        processes: dict[str, Supply] = {}
        for topic in TOPICS:
            commands |= {tuple(typed.split()): self._reported(report) for typed, report in topic.commands.items()}
            files |= {path: self._reported(report) for path, report in topic.files.items()}
            listings |= {path: self._told(fact) for path, fact in topic.listings.items()}
            systems |= {name: self._told(fact) for name, fact in topic.systems.items()}
            probes |= {asked: self._told(fact) for asked, fact in topic.probes.items()}
            processes |= {asked: self._told(fact) for asked, fact in topic.processes.items()}
        title, key = self.model.title, self.name.encode()
        return Captures(title, key, commands, {}, files, listings, systems, probes, processes)

    def _view(self) -> View:
        power = self._power()
        on_mains, site = power is None or power.on_mains, self._line.site(self._fleet_seed, self.name)
        return View(self.model, self._seed, self._moment(), self._heat(), on_mains, site)

    def _reported(self, report: Report) -> Supply:
        def supply() -> Captured:
            printed = report(self._view())
            return printed if isinstance(printed, Captured) else Captured(printed)

        return supply

    def _told(self, fact: Fact) -> Supply:
        return lambda: Captured(msgspec.json.encode(fact(self._view())))

    def _nap(self) -> Nap:
        return self._nature.naps.at(self._line.time())

    def _moment(self) -> Moment:
        time, nap, now = self._line.time(), self._nap(), self.now()
        woke = now - (time - nap.woke) / self._line.speed if nap.woke is not None else 0.0
        return Moment(now, time - nap.slept, self.elapsed(), self.awake(), woke, self._line.speed)

    def _heat(self) -> float:
        load = self._nature.rates.load
        return load.at(self._line.time() - self._nap().slept) / (2 * load.base)

    def _power(self) -> Power | None:
        if self.model.battery is None or self._nature.habit is None:
            return None
        heat = self._heat()
        charge = self._nature.habit.at(self._line.time())
        return power(self.model.battery, charge, self.model.watts * (0.5 + heat), heat)

    def _present(self) -> list[Device]:
        time = self._line.time()
        return [device for device, visit in self._nature.visits if visit.there(time)]

    def _pressure(self) -> int:
        heat = self._heat()
        return 0 if heat < WARM else 1 if heat < HOT else 2

    def _speed_limit(self) -> int:
        return 100 - max(0, round(200 * (self._heat() - WARM)))

    def _accessory_level(self) -> int:
        return 100 - math.floor(self._line.time() / HOUR) % 70

    def _commands(self) -> dict[tuple[str, ...], Supply]:
        model = self.model
        told: dict[str, Callable[[], bytes]] = {
            "ioreg -a -r -n AppleSmartBattery -w0": lambda: power_reports.smart_battery(
                model, self._power(), self.now()
            ),
            "ioreg -a -r -d 1 -c AppleSmartBatteryPack": self._pack,
            "system_profiler -json SPPowerDataType": lambda: power_reports.power_profile(model, self._power()),
            "system_profiler -json SPUSBHostDataType SPUSBDataType": lambda: device_reports.usb(model, self._present()),
            "system_profiler -json SPBluetoothDataType": self._bluetooth,
            "system_profiler -json SPThunderboltDataType": lambda: device_reports.thunderbolt(model, self._present()),
            "pmset -g batt": lambda: power_reports.pmset_batt(self._power()),
            "pmset -g therm": lambda: power_reports.pmset_therm(model, self._speed_limit(), self.now()),
            f"notifyutil -g {power_reports.THERMAL_KEY}": lambda: power_reports.thermal_pressure(self._pressure()),
        }
        return {tuple(command.split()): _printed(report) for command, report in told.items()}

    def _pack(self) -> bytes:
        """Older systems have no such node: ioreg prints nothing and ends well."""
        state = self._power()
        return power_reports.battery_pack(state) if state and self.model.major >= PACK_ONLY else b""

    def _bluetooth(self) -> bytes:
        return device_reports.bluetooth(self.model, self._present(), self._accessory_level())

    def _systems(self) -> dict[str, Supply]:
        model, rates = self.model, self._nature.rates
        told: dict[str, Callable[[], Any]] = {
            "load": lambda: facts.load(model, rates, self._moment()),
            "cpu_times": lambda: facts.cpu_times(model, rates, self._moment()),
            "cpu_times_per_core": lambda: facts.cpu_times_per_core(model, rates, self._moment()),
            "cpu_count": lambda: model.cores,
            "memory": lambda: facts.memory(model, rates, self._moment()),
            "swap": lambda: facts.swap(model, rates, self._moment()),
            "disk_io": lambda: facts.disk_io(rates, self._moment()),
            "filesystems": lambda: facts.filesystems(model, rates, self._moment()),
            "network": lambda: facts.network(rates, self._moment()),
            "processes": lambda: facts.processes(model, rates, self._moment()),
            "boot_time": lambda: self.now() - self.elapsed(),
            "clocks": lambda: facts.clocks(self._moment()),
            "sysctl": lambda: facts.sysctl(model, rates, self._moment()),
        }
        return {name: _encoded(fact) for name, fact in told.items()}


def _printed(report: Callable[[], bytes]) -> Supply:
    return lambda: Captured(report())


def _encoded(fact: Callable[[], Any]) -> Supply:
    return lambda: Captured(msgspec.json.encode(fact()))


class Fleet:
    """`count` simulated Macs, sim-0001 and so on, of all models by turns; each is made when it is first asked for."""

    def __init__(self, count: int, seed: int, speed: float, clock: Clock) -> None:
        self._models = {f"sim-{number + 1:04}": MODELS[number % len(MODELS)] for number in range(count)}
        self._seed = seed
        self._line = Timeline(clock, speed, clock.elapsed())
        self._macs: dict[str, Mac] = {}

    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(self._models)

    def mac(self, name: str) -> Mac | None:
        """The Mac of that name, or None."""
        if name not in self._models:
            return None
        if name not in self._macs:
            self._macs.setdefault(name, Mac(name, self._models[name], self._seed, self._line))
        return self._macs[name]

    def targets(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each name with the labels that Prometheus gives to it: where it stands and what it is."""
        for name, model in self._models.items():
            yield name, {"site": site_of(name), "role": "laptop" if model.battery else "desktop"}

    def low_at_first(self) -> str | None:
        """The Mac whose battery begins nearly empty, if it stays so long enough for an alert, at this speed."""
        lasting = (name for name, model in self._models.items() if model.battery and self._low(model.battery))
        return next(lasting, None)

    def _low(self, battery: Battery) -> bool:
        drain = battery.hours[0] * HOUR * battery.begins / battery.high
        return 0 < battery.begins < LOW and drain / self._line.speed > LASTING

    def first_of_each_model(self) -> Iterator[tuple[str, str]]:
        """Its name and what it is."""
        return ((name, model.title) for name, model in list(self._models.items())[: len(MODELS)])
