"""Strict configuration: defaults < YAML file < environment < flags; an error names the place and how to mend it."""

import errno
import os
import stat
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from exporters.core.collector import Collector, DeclarationError
from exporters.core.context import Context, Level
from exporters.core.errors import PersonError
from exporters.core.explain import Place, dotted, explain, hint, is_list, is_struct, kinds_at
from exporters.core.options import Events, Log, Privacy, State, Web, custom, plain, root_of
from exporters.core.privacy import Key
from exporters.core.yamlfile import YamlFile
from exporters.sources.quoted import quoted

PREFIX = "POMONA_"
Fault = Callable[[Place, str], Exception]


class ConfigError(PersonError):
    """A configuration that cannot be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective configuration. `contexts` are by collector name; `document` is all of it, secrets hidden.

    `elsewhere` are collectors that are on and of another system than this one.
    `key_kept` says whether hashes are the same after a restart; `warning` what to mend about the key.
    """

    web: Web
    log: Log
    state: State
    events: Events
    privacy: Privacy
    collectors: tuple[Collector, ...]
    contexts: Mapping[str, Context]
    document: Mapping[str, Any]
    key_kept: bool
    warning: str
    elsewhere: tuple[Collector, ...] = ()


def load(
    collectors: Sequence[Collector],
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    key: Callable[[Privacy], Key],
    *,
    here: Container[str] = (),
) -> Settings:
    """All levels as one; `flags` maps places such as `web.listen_address` to what the command line gave.

    `here` are the packages whose collectors run on this machine: the folders that their configs name must exist.
    """
    config, fault = read(root_of(collectors), path, environ, flags)
    for each in collectors:
        _refuse_mistakes(each, getattr(config.collectors, each.name), fault)
        if each.package in here and getattr(config.collectors, each.name).enabled:
            _require_folders(each, getattr(config.collectors, each.name), fault)
    secret = key(config.privacy)
    running, contexts = arranged(collectors, config.collectors, config.privacy.level, secret)
    return Settings(
        web=config.web,
        log=config.log,
        state=config.state,
        events=config.events,
        privacy=config.privacy,
        collectors=running,
        contexts=contexts,
        document=plain(config),
        key_kept=secret.kept,
        warning=secret.warning,
    )


def read(
    root: type[Struct], path: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]
) -> tuple[Any, Fault]:
    """A `root` made of defaults, file, environment and flags, and what makes an error that names a place in it."""
    file = YamlFile(path, root, ConfigError) if path else None
    tree = file.tree if file else {}
    for place, value in _from_environment(root, environ).items():
        tree = _put(tree, place, value)
    for name, value in flags.items():
        tree = _put(tree, tuple(name.split(".")), value)
    try:
        return msgspec.convert(tree, root, dec_hook=custom), file.fault if file else _fault
    except msgspec.ValidationError as error:
        raise _fault(*explain(error, root, tree)) from error


def _refuse_mistakes(declared: Collector, section: Any, fault: Fault) -> None:
    for place, what in declared.mistakes(section) if declared.mistakes else ():
        raise fault(("collectors", declared.name, *place), what)


def _require_folders(declared: Collector, section: Any, fault: Fault) -> None:
    for place, path in declared.folders(section) if declared.folders else ():
        if not _may_be_folder(path):
            raise fault(
                ("collectors", declared.name, *place),
                f"there is no folder {quoted(path, None)}: make it, or mend the path",
            )


def _may_be_folder(path: str) -> bool:
    """Where that cannot be seen, the collector tells it when it asks."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - `is_dir` hides from Python 3.14 on that it was denied
    except OSError as error:
        return error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def _fault(place: Place, what: str) -> ConfigError:
    return ConfigError(f"{dotted(place)}: {what}" if place else what)


def arranged(
    collectors: Sequence[Collector], given: Any, level: Level, key: Key
) -> tuple[tuple[Collector, ...], Mapping[str, Context]]:
    """The collectors that are on, at their cadences, and the contexts of all; `given` has a section for each."""
    sections = {each.name: getattr(given, each.name) for each in collectors}
    configs = {each.name: _own(each, sections[each.name]) for each in collectors}
    running = tuple(_timed(each, sections[each.name]) for each in collectors if sections[each.name].enabled)
    return running, {each.name: Context(_shared(each, configs), level, key.secret) for each in collectors}


def _own(declared: Collector, section: Any) -> Struct | None:
    """The Struct that the declaration names, so that the contexts of two loads are equal where nothing changed."""
    kind = declared.config
    return kind(**{name: getattr(section, name) for name in kind.__struct_fields__}) if kind else None


def _timed(declared: Collector, section: Any) -> Collector:
    return declared if declared.cadence is None else replace(declared, cadence=float(section.cadence))


def _shared(declared: Collector, configs: Mapping[str, Struct | None]) -> Struct | None:
    owner = declared.config_of or declared.name
    if owner not in configs:
        raise DeclarationError(f"{declared.name!r} shares the config of {owner!r}, which does not exist")
    return configs[owner]


def _put(tree: Mapping[Any, Any], place: Place, value: Any) -> dict[Any, Any]:
    """A copy with one value replaced: parts that an alias shares must not change together."""
    step, *rest = place
    return {**tree, step: _put(tree.get(step, {}), tuple(rest), value) if rest else value}


def _from_environment(root: type[Struct], environ: Mapping[str, str]) -> dict[Place, Any]:
    """The values of our variables by place; those without `__` are no configuration."""
    known = {PREFIX + "__".join(str(step).upper() for step in place): place for place in _leaves(root)}
    given = sorted(name for name in environ if name.startswith(PREFIX) and "__" in name)
    for name in given:
        if name not in known:
            raise ConfigError(f"{name}: unknown variable{hint(name, known)}")
    return {known[name]: _scalar(name, next(kinds_at(root, known[name])), environ[name]) for name in given}


def _leaves(kind: type[Struct], place: Place = ()) -> Iterator[Place]:
    for each in msgspec.structs.fields(kind):
        if is_struct(each.type):
            yield from _leaves(each.type, (*place, each.encode_name))
        else:
            yield (*place, each.encode_name)


def _scalar(name: str, kind: Any, text: str) -> Any:
    """The value of a variable; a list is written with commas."""
    value = [part.strip() for part in text.split(",") if part.strip()] if is_list(kind) else text
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=custom)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {explain(error, kind, value)[1]}") from error
