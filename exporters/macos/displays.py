"""Displays and graphics processors: how many, built in or not, resolution (system_profiler SPDisplaysDataType)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import array, flag, maybe, record
from exporters.macos.device import first, numbered, report
from exporters.sources.base import Command, Replies

REPORT = Command(("system_profiler", "-json", "SPDisplaysDataType"), timeout=30)
Location = Literal["internal", "external"]
LOCATIONS: tuple[Location, ...] = ("internal", "external")
GPU = "spdisplays_gpu"
MOST_DISPLAYS, MOST_GPUS = 16, 8
"""As many are told one by one; the count is of all."""
CODE = re.compile(r"[0-9a-f]{1,4}\Z")
PIXELS = re.compile(r"([0-9]{2,5}) x ([0-9]{2,5})\b")
REFRESH = re.compile(r"@ ([0-9]{1,3})(?:[.,]([0-9]{1,2}))? ?Hz\Z")
METAL = re.compile(r"spdisplays_(?:mtlgpufamily)?([a-z]{1,8}[0-9]{1,2})\Z")
CORES = re.compile(r"[0-9]{1,3}\Z")


@dataclass(frozen=True, slots=True)
class Display:
    """`vendor` is the code of three letters from the display itself; refresh in hertz. `name` may be a person's."""

    location: Location
    vendor: str
    product: str
    resolution: str
    name: str | None
    refresh: float | None
    main: bool
    asleep: bool | None
    own: str

    @property
    def model(self) -> str:
        """What all units of a model share, without a name in it."""
        return f"{self.vendor}:{self.product}" if self.vendor else self.location


@dataclass(frozen=True, slots=True)
class Gpu:
    """Texts as macOS tells them."""

    model: str | None
    cores: str | None
    metal: str | None


@dataclass(frozen=True, slots=True)
class Displays:
    """All that are on; None of a report that names no graphics processor, which says nothing about displays."""

    gpus: tuple[Gpu, ...]
    displays: tuple[Display, ...] | None


def parse(replies: Replies, _: Context) -> Displays:
    """An item for each graphics processor; its displays in `spdisplays_ndrvs`, which is absent where it has none."""
    items = report(replies[REPORT].stdout, "SPDisplaysDataType")
    gpus = [item for item in items if first(item, "sppci_device_type") == GPU]
    attached = [record(each) for item in gpus for each in array(item.get("spdisplays_ndrvs", ()))]
    on = tuple(_display(each) for each in attached if maybe(flag, each.get("spdisplays_online")) is not False)
    return Displays(tuple(_gpu(item) for item in gpus), on if gpus else None)


def _gpu(item: Mapping[str, Any]) -> Gpu:
    cores = CORES.match(first(item, "sppci_cores") or "")
    metal = METAL.match(first(item, "spdisplays_mtlgpufamilysupport", "spdisplays_metalfamily") or "")
    return Gpu(first(item, "sppci_model"), cores and cores[0], metal and metal[1])


def _display(item: Mapping[str, Any]) -> Display:
    kind = first(item, "spdisplays_display_type") or ""
    inside = first(item, "spdisplays_connection_type") == "spdisplays_internal" or "built-in" in kind
    pixels = PIXELS.match(first(item, "_spdisplays_pixels") or "")
    product = CODE.match(first(item, "_spdisplays_display-product-id") or "")
    return Display(
        location="internal" if inside else "external",
        vendor=_vendor(first(item, "_spdisplays_display-vendor-id")),
        product=product[0] if product else "",
        resolution=f"{pixels[1]}x{pixels[2]}" if pixels else "",
        name=first(item, "_name"),
        refresh=_refresh(first(item, "_spdisplays_resolution", "spdisplays_resolution")),
        main=maybe(flag, item.get("spdisplays_main")) is True,
        asleep=maybe(flag, item.get("spdisplays_asleep")),
        own=first(item, "_spdisplays_display-serial-number") or first(item, "_spdisplays_displayID") or "",
    )


def _vendor(told: str | None) -> str:
    """`10ac` is DEL: three letters of five bits each, as the standard for displays has them."""
    if not CODE.match(told or ""):
        return ""
    letters = [int(told or "", 16) >> shift & 31 for shift in (10, 5, 0)]
    return "".join(chr(64 + each) for each in letters) if all(1 <= each <= 26 for each in letters) else ""  # noqa: PLR2004 - A to Z


def _refresh(told: str | None) -> float | None:
    """From `1920 x 1080 @ 60.00Hz`; the point follows the user's number format."""
    found = REFRESH.search(told or "")
    return float(f"{found[1]}.{found[2] or 0}") or None if found else None


def _labels(displays: Sequence[Display], context: Context) -> tuple[str, ...]:
    """The identity with the serial at `full`, its hash at `standard`, at `strict` the model alone."""
    own = (f"{each.model}:{each.own}" for each in displays)
    return tuple(
        numbered(context.identity(text) or each.model for text, each in zip(own, displays, strict=True)),
    )


COUNT = gauge("macos_displays", "Displays that are on, by place (system_profiler spdisplays_ndrvs).", "location")
INFO = gauge(
    "macos_display_info",
    "A display; vendor and product are its own codes, resolution in pixels (system_profiler SPDisplaysDataType).",
    *("display", "location", "vendor", "product", "resolution", "main", "name"),
)
REFRESH_RATE = gauge(
    "macos_display_refresh_hertz",
    "How often a display is drawn anew (system_profiler spdisplays_resolution).",
    "display",
)
ASLEEP = gauge(
    "macos_display_asleep",
    "1 while a display sleeps; absent where macOS does not say (system_profiler spdisplays_asleep).",
    "display",
)
GPU_INFO = gauge(
    "macos_gpu_info",
    "A graphics processor; metal is what it supports of it (system_profiler SPDisplaysDataType).",
    *("gpu", "model", "cores", "metal"),
)


def _samples(reading: Displays, context: Context) -> Iterator[Sample]:
    for place, gpu in enumerate(reading.gpus[:MOST_GPUS]):
        yield from GPU_INFO(1, gpu=str(place), model=gpu.model, cores=gpu.cores, metal=gpu.metal)
    if reading.displays is None:
        return
    for location in LOCATIONS:
        yield from COUNT(sum(each.location == location for each in reading.displays), location=location)
    told = sorted(reading.displays, key=lambda each: context.hash(f"{each.model}:{each.own}"))[:MOST_DISPLAYS]
    for display, label in zip(told, _labels(told, context), strict=True):
        yield from _one(display, label, context)


def _one(display: Display, label: str, context: Context) -> Iterator[Sample]:
    yield from INFO(
        1,
        display=label,
        location=display.location,
        vendor=display.vendor,
        product=display.product,
        resolution=display.resolution,
        main="true" if display.main else "false",
        name=context.personal(display.name),
    )
    yield from REFRESH_RATE(display.refresh, display=label)
    yield from ASLEEP(display.asleep, display=label)


@collector(
    "displays",
    *(COUNT, INFO, REFRESH_RATE, ASLEEP, GPU_INFO),
    required=(REPORT,),
    parse=parse,
    cadence=600,
    publishes=(
        "sppci_model",
        "spdisplays_display_type",
        "_spdisplays_display-product-id",
        "_spdisplays_display-vendor-id",
        "_spdisplays_pixels",
        "_spdisplays_resolution",
    ),
)
def displays(reading: Displays, context: Context) -> Iterable[Sample]:
    """Each graphics processor, then the displays; 0 of them only where a good report names none."""
    return _samples(reading, context)
