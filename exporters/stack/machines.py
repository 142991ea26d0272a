"""The Macs that can be simulated: what does not change about each model, and the devices that visit it."""

from dataclasses import dataclass
from typing import Literal

GIB = 1 << 30
GB = 10**9


@dataclass(frozen=True, slots=True)
class Battery:
    """Capacity in mAh, health as full to design capacity, cells in a row, degrees that it is too hot.

    It is drained from `high` to one of the `low` ratios within `hours`; `begins` is its first charge, 0 for any.
    """

    design: int
    health: float
    cycles: int
    cells: int = 3
    condition: str = "Good"
    heat: float = 0.0
    high: float = 1.0
    low: tuple[float, float] = (0.03, 0.25)
    hours: tuple[float, float] = (3.0, 7.0)
    begins: float = 0.0


@dataclass(frozen=True, slots=True)
class Device:
    """A peripheral: ids as the tools print them, its share of time (1 is always), a person's name for it, if any."""

    bus: Literal["usb", "bluetooth", "thunderbolt"]
    product: str
    vendor: str
    vendor_id: str
    product_id: str
    share: float = 1.0
    speed: Literal["full", "high", "super"] = "high"
    kind: str = ""
    behind: str = ""
    levels: tuple[str, ...] = ()
    person: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """What a person would say about a Mac; memory and disk in bytes, `free` is the share of the disk that is.

    `panel` is the display of a laptop as system_profiler has it: pixels, resolution, and how often it is drawn anew.
    """

    title: str
    identifier: str
    chip: str
    os_version: str
    os_build: str
    performance: int
    efficiency: int
    memory: int
    disk: int
    free: float = 0.45
    panel: tuple[str, str] = ("", "")
    battery: Battery | None = None
    adapter: int = 0
    watts: float = 8.0
    sleeps: bool = False
    devices: tuple[Device, ...] = ()

    @property
    def apple_silicon(self) -> bool:
        """Whether Apple made the processor."""
        return self.chip.startswith("Apple ")

    @property
    def page(self) -> int:
        """Bytes of a page of memory."""
        return 16384 if self.apple_silicon else 4096

    @property
    def major(self) -> int:
        """The major version of macOS."""
        return int(self.os_version.split(".")[0])

    @property
    def cores(self) -> int:
        """All cores."""
        return self.performance + self.efficiency


HUB = Device("usb", "USB3.1 Hub", "Anker", "0x2109", "0x0817", speed="super", kind="hub")
LAN = Device("usb", "USB 10/100/1000 LAN", "Realtek", "0x0bda", "0x8153", speed="super", behind="USB3.1 Hub")
STICK = Device("usb", " SanDisk 3.2 Gen1", " USB", "0x0781", "0x55fd", share=0.5, speed="super")
KEY = Device("usb", "YubiKey OTP+FIDO+CCID", "Yubico", "0x1050", "0x0407", share=0.6, speed="full")
KEYBOARD = Device("usb", "Magic Keyboard", "Apple Inc.", "0x05ac", "0x029c", speed="full")
WEBCAM = Device("usb", "HD Pro Webcam C920", "Logitech", "0x046d", "0x082d", share=0.7)
MOUSE = Device("bluetooth", "MX Master 3", "Logitech", "0x046D", "0xB023", share=0.8, kind="Mouse", levels=("Main",))
TRACKPAD = Device(
    "bluetooth", "Magic Trackpad", "Apple Inc.", "0x004C", "0x0265", kind="Magic Trackpad", levels=("Main",)
)
EARBUDS = Device(
    "bluetooth",
    "AirPods Pro",
    "Apple Inc.",
    "0x004C",
    "0x2014",
    share=0.4,
    kind="Headphones",
    levels=("Left", "Right", "Case"),
    person="Robin\u2019s AirPods Pro",
)
DOCK = Device("thunderbolt", "TS4", "CalDigit, Inc.", "0x3D", "0x12", share=0.5)
DISK = Device("thunderbolt", "Envoy Pro FX", "Other World Computing", "0x40", "0x26", share=0.3)
PRO_14 = ("3024 x 1964", "1512 x 982 @ 120.00Hz")
PRO_16 = ("3072 x 1920", "1792 x 1120 @ 60.00Hz")
PRO_13 = ("2560 x 1600", "1440 x 900 @ 60.00Hz")
AIR_13 = ("2560 x 1664", "1470 x 956 @ 60.00Hz")

MODELS = (
    Model(
        "MacBook Pro with Apple silicon, macOS 15",
        "Mac16,1",
        "Apple M4",
        "15.7.1",
        "24G231",
        performance=4,
        efficiency=6,
        memory=16 * GIB,
        disk=512 * GB,
        panel=PRO_14,
        battery=Battery(6249, health=0.96, cycles=81),
        adapter=70,
        devices=(HUB, LAN, KEY, MOUSE, EARBUDS, DOCK),
    ),
    Model(
        "MacBook Pro with an Intel processor, macOS 14",
        "MacBookPro16,1",
        "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
        "14.8.1",
        "23J30",
        performance=6,
        efficiency=0,
        memory=16 * GIB,
        disk=500 * GB,
        panel=PRO_16,
        battery=Battery(8790, health=0.83, cycles=412, hours=(2.0, 4.0)),
        adapter=96,
        watts=18.0,
        devices=(HUB, WEBCAM, KEYBOARD, MOUSE, DISK),
    ),
    Model(
        "Mac mini without a battery, macOS 15",
        "Mac16,10",
        "Apple M4",
        "15.6.1",
        "24G90",
        performance=4,
        efficiency=6,
        memory=24 * GIB,
        disk=256 * GB,
        watts=6.0,
        devices=(KEYBOARD, WEBCAM, TRACKPAD, DISK),
    ),
    Model(
        "MacBook Air with the USB report of macOS 26",
        "Mac15,12",
        "Apple M3",
        "26.1",
        "25B78",
        performance=4,
        efficiency=4,
        memory=16 * GIB,
        disk=512 * GB,
        panel=AIR_13,
        battery=Battery(4563, health=0.98, cycles=37, high=0.8, low=(0.1, 0.4)),
        adapter=35,
        watts=5.0,
        devices=(HUB, LAN, STICK, EARBUDS),
    ),
    Model(
        "MacBook Pro with a failing battery, macOS 15",
        "MacBookPro17,1",
        "Apple M1",
        "15.7.1",
        "24G231",
        performance=4,
        efficiency=4,
        memory=8 * GIB,
        disk=256 * GB,
        panel=PRO_13,
        battery=Battery(
            5103,
            health=0.64,
            cycles=1043,
            condition="Check Battery",
            heat=13,
            low=(0.01, 0.02),
            hours=(3.5, 4.5),
            begins=0.15,
        ),
        adapter=61,
        devices=(STICK, MOUSE),
    ),
    Model(
        "MacBook Air that sleeps, macOS 26",
        "Mac14,2",
        "Apple M2",
        "26.1",
        "25B78",
        performance=4,
        efficiency=4,
        memory=8 * GIB,
        disk=256 * GB,
        panel=AIR_13,
        battery=Battery(4563, health=0.91, cycles=210),
        adapter=30,
        watts=5.0,
        sleeps=True,
        devices=(EARBUDS, KEY),
    ),
    Model(
        "MacBook Pro, macOS 27",
        "Mac17,2",
        "Apple M5",
        "27.0.1",
        "26A437",
        performance=4,
        efficiency=6,
        memory=32 * GIB,
        disk=1000 * GB,
        panel=PRO_14,
        free=0.02,
        battery=Battery(6249, health=0.99, cycles=12),
        adapter=68,
        devices=(STICK, KEYBOARD, EARBUDS, DOCK),
    ),
)
