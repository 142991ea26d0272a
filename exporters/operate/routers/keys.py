"""`pomona router authorized-key`: the line of authorized_keys that lets a key run the questions of a module alone."""

import logging

from exporters.core.errors import PersonError
from exporters.core.explain import hint
from exporters.openwrt.wireless import wireless
from exporters.operate.routers.config import Module, RouterSettings
from exporters.operate.routers.target import dated, questions
from exporters.sources.ssh import authorized_keys_line, public_key_of, script

log = logging.getLogger("pomona.router")


def line(settings: RouterSettings, module: str, auth: str | None) -> str:
    """The whole line, without its end; PersonError where there is none to give."""
    if module not in settings.modules:
        raise PersonError(f"there is no module {module!r}{hint(module, settings.modules)}")
    asked = settings.modules[module]
    public = public_key_of(settings.private_keys[_auth(settings, auth)])
    try:
        found = authorized_keys_line(public, script(questions(asked), dated(asked)))
    except ValueError as error:
        raise PersonError(f"module {module!r}: {error}") from error
    _warn(asked)
    return found


def _auth(settings: RouterSettings, given: str | None) -> str:
    """The auth that was named, else the only one that has a key."""
    keys = settings.private_keys
    if given is not None and given not in keys:
        raise PersonError(f"there is no auth {given!r} with a private key{hint(given, keys)}")
    if given is None and len(keys) != 1:
        choice = f"several auths have a private key, name one by --auth: {', '.join(sorted(keys))}"
        raise PersonError(choice if keys else "no auth has a private key; write private_key_file below one of auths")
    return given or next(iter(keys))


def _warn(asked: Module) -> None:
    """A forced command is fixed before any answer, so radios must be known by their names."""
    runs = any(each.name == wireless.name for each in asked.collectors)
    if runs and not asked.contexts[wireless.name].config.interfaces:
        log.warning(
            "a forced command cannot ask for radios that it does not name: write interfaces below modules.%s.%s",
            asked.name,
            wireless.name,
        )
