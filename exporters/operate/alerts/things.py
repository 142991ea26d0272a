"""The labels that tell one thing from another, as the shipped alertmanager.yml has them."""

from importlib.resources import files

from exporters.operate.alerts.shipped import PACKAGE
from exporters.sources.strictyaml import load_yaml

FILE = "alertmanager.yml"


def labels() -> frozenset[str]:
    """All that have to be equal before one alert hides another."""
    document = load_yaml((files(PACKAGE) / FILE).read_text(encoding="utf-8"))
    return frozenset(name for rule in document["inhibit_rules"] for name in rule["equal"])
