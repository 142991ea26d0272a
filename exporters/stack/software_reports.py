"""What macOS tells of the software of a simulated Mac: applications, installations, system extensions."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from exporters.stack.dynamics import HOUR
from exporters.stack.view import Reports, View

DAY = 24 * HOUR
DATE = "%Y-%m-%dT%H:%M:%SZ"
APPLE = ("Software Signing", "Apple Code Signing Certification Authority", "Apple Root CA")
STORE = (
    "Apple Mac OS Application Signing",
    "Apple Worldwide Developer Relations Certification Authority",
    "Apple Root CA",
)
BUNDLED = ("App Store", "Calculator", "Calendar", "Contacts", "FaceTime", "Mail", "Maps", "Notes", "Photos", "Preview")
AGENTS = 48
NATIVE_ONLY = 27
HINTED = 15
RELEASE_EVERY = 3 * DAY
UPGRADE_LASTS = 6 * HOUR
DATA_EVERY = 14 * DAY
REMEMBERED = 12
TITLES = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]"


@dataclass(frozen=True, slots=True)
class Product:
    """Somebody's application; `share` of the Macs have it. Without a team it is `unsigned` or from the App Store."""

    name: str
    arch: str
    share: float
    vendor: str = ""
    team: str = ""
    major: int = 1
    folder: str = "/Applications"
    unsigned: bool = False


PRODUCTS = (
    Product("Cider", "arch_arm_i64", 0.95, "Cider Press GmbH", "4HW8N3VB6D", major=11),
    Product("Orchard Guard", "arch_arm_i64", 1.0, "Orchard Tools LLC", "QX7R2M4K9T", major=7),
    Product("Trellis", "arch_arm_i64", 0.7, "Trellis Labs Inc.", "T6K2W9P4XJ", major=3),
    Product("Graft", "arch_i64", 0.6, "Orchard Tools LLC", "QX7R2M4K9T", major=3),
    Product("Old Cellar", "arch_i64", 0.3, "Cider Press GmbH", "4HW8N3VB6D"),
    Product("Harvest", "arch_arm_i64", 0.8),
    Product("Pocket Weather", "arch_ios", 0.4, major=5),
    Product("Setup", "arch_i64", 0.25, folder="/Users/robin/Downloads", unsigned=True),
)
GUARD, TUNNEL = "com.orchard-tools.guard", "com.cider.tunnel"
TEAMS = {GUARD: "QX7R2M4K9T", TUNNEL: "4HW8N3VB6D"}
WAITING = "activated waiting for user"


def release(view: View, product: str) -> tuple[int, float]:
    """The number of the version that this Mac has, and for how many seconds: each Mac is late by a time of its own."""
    number, since = divmod(
        view.at.time + view.chance(f"release {product}").uniform(0, 3 * RELEASE_EVERY), RELEASE_EVERY
    )
    return int(number), since


def applications(view: View) -> bytes:
    """`system_profiler -json SPApplicationsDataType`."""
    return msgspec.json.encode({"SPApplicationsDataType": [*_of_apple(view), *_of_others(view)]})


def _of_apple(view: View) -> Iterator[dict[str, Any]]:
    """On macOS 27 they run on Apple silicon only, and name no certificate."""
    old = view.model.major < NATIVE_ONLY
    common = {
        "arch_kind": "arch_arm_i64" if old else "arch_arm",
        "lastModified": "2025-11-04T18:20:11Z",
        "obtained_from": "apple",
        "version": view.model.os_version,
    }
    certified = common | ({"signed_by": APPLE} if old else {})
    for name in BUNDLED:
        yield {"_name": name, "path": f"/System/Applications/{name}.app"} | certified
    for number in range(AGENTS):
        yield {"_name": f"Agent {number}", "path": f"/System/Library/CoreServices/Agent {number}.app"} | certified
    stub = "Automator Application Stub"
    yield common | {"_name": stub, "path": f"/System/Library/CoreServices/{stub}.app", "obtained_from": "unknown"}


def _of_others(view: View) -> Iterator[dict[str, Any]]:
    for product in PRODUCTS:
        if view.chance(f"has {product.name}").random() < product.share and _runs(view, product):
            yield {
                "_name": product.name,
                "arch_kind": product.arch,
                "lastModified": time.strftime(DATE, time.gmtime(view.at.now - DAY)),
                "path": f"{product.folder}/{product.name}.app",
                "version": f"{product.major}.{release(view, product.name)[0]}",
            } | _signature(product)


def _runs(view: View, product: Product) -> bool:
    return view.model.apple_silicon or product.arch != "arch_ios"


def _signature(product: Product) -> dict[str, Any]:
    if product.unsigned:
        return {"obtained_from": "unknown"}
    if not product.team:
        return {"obtained_from": "mac_app_store", "signed_by": STORE}
    leaf = f"Developer ID Application: {product.vendor} ({product.team})"
    chain = (leaf, "Developer ID Certification Authority", "Apple Root CA")
    return {"obtained_from": "identified_developer", "signed_by": chain}


def history(view: View) -> bytes:
    """`system_profiler -json SPInstallHistoryDataType`: data of Apple every two weeks, some Macs have long had none."""
    late = view.chance("installs").uniform(0, 3 * DAY)
    (cut_off,) = view.chance("cut off").choices((0.0, 90 * DAY), (85, 15))
    newest = (view.at.now - cut_off - late) // DATA_EVERY
    released = [int(newest - age) for age in range(REMEMBERED)]
    items = [_installed("XProtectPlistConfigData", each, late, "apple", str(4000 + each)) for each in released]
    items += [_installed("Orchard Guard", each, late / 2, "other", f"7.{each}") for each in released[::2]]
    return msgspec.json.encode({"SPInstallHistoryDataType": items})


def _installed(name: str, number: int, late: float, source: str, version: str) -> dict[str, str]:
    return {
        "_name": name,
        "install_date": time.strftime(DATE, time.gmtime(number * DATA_EVERY + late)),
        "install_version": version,
        "package_source": f"package_source_{source}",
    }


def extensions(view: View) -> bytes:
    """`systemextensionsctl list`: the guard of every Mac, and on some a tunnel that may wait for its user."""
    sections = {"endpoint_security": _guard(view), "network_extension": _tunnel(view)}
    total = sum(len(rows) for rows in sections.values())
    told = [f"{total} extension(s)"]
    for category, rows in sections.items():
        if rows:
            told += [f"--- com.apple.system_extension.{category}{_hint(view)}", TITLES, *rows]
    return "".join(f"{line}\n" for line in told).encode()


def _guard(view: View) -> list[str]:
    """After each release the old version stays until the new one may take its place."""
    number, since = release(view, "Orchard Guard")
    if number and since < UPGRADE_LASTS:
        old = _row("*", GUARD, f"7.{number - 1}", "activated enabled")
        return [old, _row("", GUARD, f"7.{number}", "activated waiting to upgrade")]
    return [_row("*", GUARD, f"7.{number}", "activated enabled")]


def _tunnel(view: View) -> list[str]:
    (state,) = view.chance("tunnel").choices(("", "activated enabled", WAITING), (50, 35, 15))
    return [_row("" if state == WAITING else "*", TUNNEL, "11.2", state)] if state else []


def _row(enabled: str, bundle: str, version: str, state: str) -> str:
    return f"{enabled}\t*\t{TEAMS[bundle]}\t{bundle} ({version}/{version}.0)\t{bundle}\t[{state}]"


def _hint(view: View) -> str:
    where = "System Settings > General > Login Items & Extensions"
    return f" (Go to '{where}' to modify these system extension(s))" if view.model.major >= HINTED else ""


REPORTS = Reports(
    commands={
        "system_profiler -json SPApplicationsDataType": applications,
        "system_profiler -json SPInstallHistoryDataType": history,
        "systemextensionsctl list": extensions,
    }
)
