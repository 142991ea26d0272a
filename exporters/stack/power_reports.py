"""What Apple's power tools print for a simulated Mac: ioreg, system_profiler SPPowerDataType, pmset, notifyutil."""

import plistlib
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from exporters.stack.dynamics import Charge
from exporters.stack.machines import Battery, Model

UNKNOWN_MINUTES = 65535
UPDATE_EVERY = 30
HELD = 16777216
ON_BATTERY = 128
THERMAL_KEY = "com.apple.system.thermalpressurelevel"
NO_WARNINGS = "Note: No thermal warning level has been recorded\nNote: No performance warning level has been recorded\n"
PACK_ONLY = 27


@dataclass(frozen=True, slots=True)
class Power:
    """The electrical state: volts, amperes and watts of the battery (negative while discharging), celsius."""

    battery: Battery
    charge: Charge
    volts: float
    amperes: float
    celsius: float
    system_watts: float

    @property
    def on_mains(self) -> bool:
        """Whether an adapter feeds the machine."""
        return self.charge.state != "discharging"

    @property
    def full(self) -> int:
        """The charge that it holds when full, in mAh."""
        return round(self.battery.design * self.battery.health)

    @property
    def watts(self) -> float:
        """What flows into the battery."""
        return self.volts * self.amperes

    @property
    def percent(self) -> int:
        """What the menu bar shows."""
        return round(100 * self.charge.ratio)

    @property
    def minutes(self) -> int:
        """To empty on the battery, to full on the adapter; 65535 where neither is near."""
        rate = self.charge.rate
        missing = self.charge.ratio if rate < 0 else 1 - self.charge.ratio
        return UNKNOWN_MINUTES if not rate else round(missing / abs(rate) / 60)


def power(battery: Battery, charge: Charge, load_watts: float, heat: float) -> Power:
    """The state that follows from the charge, what the machine draws and how hot it is (0 to 1)."""
    volts = battery.cells * (3.55 + 0.75 * charge.ratio)
    amperes = charge.rate * 3600 * battery.design * battery.health / 1000
    warmed = 4 * min(1.0, charge.since / 1200) if charge.state == "charging" else 0.0
    system = -volts * amperes if charge.rate < 0 else load_watts
    return Power(battery, charge, volts, amperes, 27 + 7 * heat + warmed + battery.heat, system)


def smart_battery(model: Model, state: Power | None, now: float) -> bytes:
    """`ioreg -a -r -n AppleSmartBattery -w0`: percent and raw mAh on Apple silicon, mAh on Intel, less on macOS 27."""
    node = _node(model, state, now) if state else _no_battery(now)
    return plistlib.dumps([node])


def _no_battery(now: float) -> dict[str, Any]:
    return {
        "AdapterDetails": {"FamilyCode": 0},
        "Amperage": 0,
        "BatteryInstalled": False,
        "CurrentCapacity": 0,
        "CycleCount": 0,
        "ExternalConnected": True,
        "IsCharging": False,
        "MaxCapacity": 0,
        "TimeRemaining": 0,
        "UpdateTime": _updated(now),
        "Voltage": 0,
    }


def _node(model: Model, state: Power, now: float) -> dict[str, Any]:
    common = _common(model, state, now)
    if not model.apple_silicon:
        return common | _intel(state)
    telemetry = {"PowerTelemetryData": _telemetry(model, state)}
    if model.major >= PACK_ONLY:
        return common | telemetry | {"CurrentCapacity": state.percent, "MaxCapacity": 100, "BatteryData": _data(state)}
    return common | telemetry | _percent(state)


def _common(model: Model, state: Power, now: float) -> dict[str, Any]:
    draining, charging = state.charge.state == "discharging", state.charge.state == "charging"
    milliamperes, minutes = round(1000 * state.amperes), state.minutes
    return {
        "AdapterDetails": _adapter(model) if state.on_mains else {"FamilyCode": 0},
        "Amperage": milliamperes,
        "AppleRawBatteryVoltage": round(1000 * state.volts),
        "AtCriticalLevel": False,
        "AvgTimeToEmpty": minutes if draining else UNKNOWN_MINUTES,
        "AvgTimeToFull": minutes if charging else UNKNOWN_MINUTES,
        "BatteryInstalled": True,
        "ChargerData": {"NotChargingReason": ON_BATTERY if draining else 0 if charging else HELD},
        "CycleCount": state.battery.cycles + state.charge.rounds,
        "DesignCycleCount9C": 1000,
        "ExternalConnected": state.on_mains,
        "FullyCharged": state.charge.ratio >= 1,
        "InstantAmperage": milliamperes,
        "IsCharging": charging,
        "Serial": "SIMULATED0001",
        "TimeRemaining": minutes,
        "UpdateTime": _updated(now),
        "Voltage": round(1000 * state.volts),
    }


def _adapter(model: Model) -> dict[str, Any]:
    return {
        "AdapterVoltage": 20000,
        "Current": 50 * model.adapter,
        "Description": "pd charger",
        "FamilyCode": -536854518,
        "Manufacturer": "Apple Inc.",
        "Name": f"{model.adapter}W USB-C Power Adapter",
        "Watts": model.adapter,
    }


def _intel(state: Power) -> dict[str, Any]:
    return {
        "CurrentCapacity": round(state.charge.ratio * state.full),
        "DesignCapacity": state.battery.design,
        "MaxCapacity": state.full,
        "PermanentFailureStatus": 0,
        "Temperature": round(100 * state.celsius),
    }


def _percent(state: Power) -> dict[str, Any]:
    return {
        "AppleRawCurrentCapacity": round(state.charge.ratio * state.full),
        "AppleRawMaxCapacity": state.full,
        "BatteryData": {
            "CycleCount": state.battery.cycles + state.charge.rounds,
            "DesignCapacity": state.battery.design,
            "StateOfCharge": state.percent,
            "SystemPower": state.system_watts,
            "Voltage": round(1000 * state.volts),
        },
        "CurrentCapacity": state.percent,
        "DesignCapacity": state.battery.design,
        "MaxCapacity": 100,
        "NominalChargeCapacity": round(1.02 * state.full),
        "PermanentFailureStatus": 0,
        "Temperature": round(100 * state.celsius),
        "VirtualTemperature": round(100 * state.celsius),
    }


def _data(state: Power) -> dict[str, Any]:
    return {
        "CurrentCapacity": state.percent,
        "DesignCapacity": state.battery.design,
        "FullChargeCapacity": state.full,
        "MaxCapacity": 100,
        "NominalChargeCapacity": round(1.02 * state.full),
        "RemainingCapacity": round(state.charge.ratio * state.full),
    }


def _telemetry(model: Model, state: Power) -> dict[str, int]:
    """In mW: until macOS 26 the load includes what charges the battery, from 27 on it does not."""
    system, battery = round(1000 * state.system_watts), round(1000 * state.watts)
    charging = max(battery, 0)
    entering = system + charging if state.on_mains else 0
    split = model.major >= PACK_ONLY or not state.on_mains
    return {
        "BatteryPower": battery if split else 0,
        "SystemLoad": system if split else entering,
        "SystemPowerIn": entering,
        "SystemVoltageIn": 20000 if state.on_mains else 0,
    }


def battery_pack(state: Power) -> bytes:
    """`ioreg -a -r -d 1 -c AppleSmartBatteryPack`: what macOS 27 moved out of the older node."""
    data = {
        "CycleCount": state.battery.cycles + state.charge.rounds,
        "DesignCapacity": state.battery.design,
        "PermanentFailureStatus": 0,
        "StateOfCharge": state.percent,
        "Temperature": round(100 * state.celsius),
        "VirtualTemperature": round(100 * state.celsius),
        "Voltage": round(1000 * state.volts),
    }
    return plistlib.dumps([{"BankCount": state.battery.cells, "BatteryData": data, "Serial": "SIMULATED0001"}])


def power_profile(model: Model, state: Power | None) -> bytes:
    """`system_profiler -json SPPowerDataType`."""
    source = "AC Power" if state is None or state.on_mains else "Battery Power"
    settings: dict[str, Any] = {"_name": "sppower_information", "AC Power": {"System Sleep Timer": 1}}
    if state is not None:
        settings["AC Power"]["LowPowerMode"] = "No"
        settings["Battery Power"] = {"LowPowerMode": "No", "System Sleep Timer": 1}
    settings[source]["Current Power Source"] = "TRUE"
    hardware = {"_name": "sppower_hwconfig_information", "sppower_ups_installed": "FALSE"}
    items = (
        [settings, hardware] if state is None else [_profile(model, state), settings, hardware, _charger(model, state)]
    )
    return msgspec.json.encode({"SPPowerDataType": items})


def _profile(model: Model, state: Power) -> dict[str, Any]:
    health: dict[str, Any] = {
        "sppower_battery_cycle_count": state.battery.cycles + state.charge.rounds,
        "sppower_battery_health": state.battery.condition,
    }
    if model.apple_silicon:
        health["sppower_battery_health_maximum_capacity"] = f"{min(100, round(102 * state.battery.health))}%"
    return {
        "_name": "spbattery_information",
        "sppower_battery_charge_info": {
            "sppower_battery_at_warn_level": "FALSE",
            "sppower_battery_fully_charged": _yes(state.charge.ratio >= 1),
            "sppower_battery_is_charging": _yes(state.charge.state == "charging"),
            "sppower_battery_state_of_charge": state.percent,
        },
        "sppower_battery_health_info": health,
        "sppower_battery_model_info": {"sppower_battery_serial_number": "SIMULATED0001"},
    }


def _charger(model: Model, state: Power) -> dict[str, Any]:
    item = {
        "_name": "sppower_ac_charger_information",
        "sppower_battery_charger_connected": _yes(state.on_mains),
        "sppower_battery_is_charging": _yes(state.charge.state == "charging"),
    }
    return item | ({"sppower_ac_charger_watts": str(model.adapter)} if state.on_mains else {})


def pmset_batt(state: Power | None) -> bytes:
    """`pmset -g batt`."""
    source = "AC Power" if state is None or state.on_mains else "Battery Power"
    line = f"Now drawing from '{source}'\n"
    return (
        line + (f" -InternalBattery-0 (id=4391011)\t{_pmset_state(state)} present: true\n" if state else "")
    ).encode()


def _pmset_state(state: Power) -> str:
    hours, minutes = divmod(state.minutes, 60)
    if state.charge.state == "attached":
        return (
            "100%; charged; 0:00 remaining"
            if state.charge.ratio >= 1
            else f"{state.percent}%; AC attached; not charging"
        )
    return f"{state.percent}%; {state.charge.state}; {hours}:{minutes:02} remaining"


def pmset_therm(model: Model, limit: int, now: float) -> bytes:
    """`pmset -g therm`: only notes on Apple silicon, the limits of the processor on Intel; `limit` in percent."""
    if model.apple_silicon:
        return f"{NO_WARNINGS}Note: No CPU power status has been recorded\n".encode()
    when = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(_updated(now)))
    limits = (("CPU_Scheduler_Limit", 100), ("CPU_Available_CPUs", 2 * model.cores), ("CPU_Speed_Limit", limit))
    return (
        f"{NO_WARNINGS}{when} CPU Power notify\n" + "".join(f"\t{key} \t= {value}\n" for key, value in limits)
    ).encode()


def thermal_pressure(level: int) -> bytes:
    """`notifyutil -g com.apple.system.thermalpressurelevel`."""
    return f"{THERMAL_KEY} {level}\n".encode()


def _updated(now: float) -> int:
    return int(now) // UPDATE_EVERY * UPDATE_EVERY


def _yes(fact: bool) -> str:
    return "TRUE" if fact else "FALSE"
