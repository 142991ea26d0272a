"""`pomona router check`: what works between here and nlbwmon on a router, in order, and how to mend what does not.

It asks what a probe asks, over the same source, so it sees what a probe sees.
"""

import re
import shlex
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from exporters.core.read import attempt
from exporters.openwrt.interfaces import NETDEV
from exporters.openwrt.wireless import radios, wireless
from exporters.operate.routers.config import Listed
from exporters.operate.routers.findings import IDENTITY, Line, Seen, Word, told, user
from exporters.operate.routers.target import questions, ssh_target
from exporters.operate.terminal import plain, terminal
from exporters.sources.base import Denied, Question, SourceError, Unreachable
from exporters.sources.named import Named, NameUnknown
from exporters.sources.ssh import HostKeyRefused, Incompatible, LoginRefused, ScriptRefused, public_key_of

STYLES: Mapping[Word, str] = {"ok": "green", "wrong": "red", "not known": "yellow"}
TCP_TIMEOUT = 5.0
_SHOWN = re.compile(r"it shows (\S+) (SHA256:\S+)")
_KEY_FILES = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}
NAME, TCP, SSH, HOST_KEY, LOGIN, SCRIPT, ALL = range(7)
"""The steps of the way, and that all were taken."""
_STEPS: Mapping[type[SourceError], int] = {
    NameUnknown: NAME,
    HostKeyRefused: HOST_KEY,
    LoginRefused: LOGIN,
    Denied: LOGIN,
}


def run(listed: Listed, *, console: Console | None = None, config_file: Path | None = None) -> int:
    """Prints a line for each thing; 0 where all is well, 1 where something must be mended."""
    console = console or terminal()
    with console.status(f"asking {listed.name} …"):
        seen = replace(look(listed), config_file=config_file)
        way = tuple(_way(seen))
    tried = not any(each.word == "wrong" and each.topic != "user" for each in way)
    lines = (*way, *told(seen)) if tried else way
    for each in lines:
        _show(each, console)
    wrong = sum(each.word == "wrong" for each in lines)
    console.print(plain("" if tried else "The rest was not tried. ") + plain(f"{wrong or 'nothing'} to mend"))
    return int(wrong > 0)


def _show(line: Line, console: Console) -> None:
    """On one line however long it is, as commands are to be copied."""
    console.print(
        Text.assemble(f"{line.topic:<12}", (f"{line.word:<11}", STYLES[line.word]), _flat(line.found)), soft_wrap=True
    )
    for each in line.mend:
        console.print(Text.assemble("  -> ", _flat(each)), soft_wrap=True)


def _flat(text: str) -> Text:
    return plain(" ".join(text.split()))


def look(listed: Listed) -> Seen:
    """Asks all that a probe asks, and who asks."""
    source = Named(ssh_target(listed), time.monotonic)
    began = time.time()
    try:
        answers = dict(source.ask_many((IDENTITY, *questions(listed.module))))
        ended, report = time.time(), source.report
        seen = Seen(listed, source.address, report.trouble, report.connects, answers, began, ended)
        more = source.ask_many(_radios(seen))
    finally:
        source.close()
    return replace(seen, answers={**answers, **more})


def _radios(seen: Seen) -> tuple[Question[Any], ...]:
    """The second round of the wireless collector, where it runs."""
    context = seen.listed.module.contexts[wireless.name]
    if seen.trouble is not None or not seen.runs(wireless.name) or NETDEV not in seen.answers:
        return ()
    return attempt(lambda replies: radios(replies, context, None), seen.replies, []) or ()


def _way(seen: Seen) -> Iterator[Line]:
    """From the name to the questions; it ends with the first step that makes the others impossible."""
    target, step = seen.listed.target, _failed(seen)
    pinned = "the pinned one" if target.host_key else f"the one in {seen.listed.known_hosts}"
    how = "key" if seen.listed.private_key else "password"
    good = {
        "name": f"{target.address} is {seen.address}" if target.address != seen.address else "it is an address",
        "TCP": f"{seen.address} accepts connections on port {target.port}",
        "SSH": "it speaks SSH with algorithms that are held to be safe",
        "host key": f"it is {pinned}",
        "login": f"user {seen.listed.username} may log in by {how}",
        "questions": f"it runs those of module {seen.listed.module.name}",
    }
    for number, (topic, found) in enumerate(good.items()):
        if number == SCRIPT:
            yield user(seen)
        if number == step:
            yield replace(_BAD[step](seen), topic=topic, word="wrong")
            return
        yield Line(topic, "ok", found)


def _failed(seen: Seen) -> int:
    """The step that was not taken."""
    if seen.trouble is None:
        return ALL
    found = next((step for kind, step in _STEPS.items() if isinstance(seen.trouble, kind)), SCRIPT)
    if found == SCRIPT and isinstance(seen.trouble, Unreachable) and not seen.connects:
        return SSH if _listens(seen) else TCP
    return found


def _listens(seen: Seen) -> bool:
    try:
        socket.create_connection((seen.address, seen.listed.target.port), TCP_TIMEOUT).close()
    except OSError:
        return False
    return True


def _bad_name(seen: Seen) -> Line:
    name, host = seen.listed.name, seen.listed.target.address
    mend = f"try: nslookup {shlex.quote(host)}; or write the router's IP address as address: of target {name}"
    return Line("", "wrong", str(seen.trouble), (mend,))


def _bad_tcp(seen: Seen) -> Line:
    mend = (
        "on the router: /etc/init.d/dropbear enable; /etc/init.d/dropbear start",
        f"its port is told by: uci show dropbear; write another than 22 as port: of target {seen.listed.name}",
    )
    return Line("", "wrong", f"port {seen.listed.target.port} of {seen.address}: {seen.trouble}", mend)


def _bad_ssh(seen: Seen) -> Line:
    old = isinstance(seen.trouble, Incompatible)
    mend = "update the router to OpenWrt 21.02 or later" if old else "on the router, read: logread -e dropbear"
    return Line("", "wrong", str(seen.trouble), (mend,))


def _bad_host_key(seen: Seen) -> Line:
    """An unknown key or another one; both are to be compared with the router's before they are trusted."""
    told, (kind, fingerprint) = str(seen.trouble), _host_key(seen)
    changed = bool(seen.listed.target.host_key) or "is not the one in" in told
    warning = "; it was exchanged or reset, or somebody answers in its place" if changed else ""
    if not fingerprint:
        return Line("", "wrong", told, ("on the router, read: logread -e dropbear",))
    file = f"/etc/dropbear/dropbear_{_KEY_FILES.get(kind, 'ecdsa')}_host_key"
    mend = (
        f"compare {fingerprint} with what the router itself prints: dropbearkey -y -f {file}",
        f'only if they are the same, write below target {seen.listed.name}: host_key: ["{fingerprint}"]',
    )
    return Line("", "wrong", f"{told}{warning}", mend)


def _host_key(seen: Seen) -> tuple[str, str]:
    """Kind and fingerprint of the key that it shows, to a pin that fits none if need be."""
    found = _SHOWN.search(str(seen.trouble))
    if not found:
        target = replace(ssh_target(seen.listed), fingerprints=("none",), forced=(), forced_dated=())
        source = Named(target, time.monotonic)
        source.ask_many((IDENTITY,))
        source.close()
        found = _SHOWN.search(str(source.report.trouble))
    return (found[1], found[2]) if found else ("", "")


def _bad_login(seen: Seen) -> Line:
    again = "the exporter tries again 15 minutes after a refused login, or when it is started anew"
    return Line("", "wrong", str(seen.trouble), (*(_key(seen) if seen.listed.private_key else _password(seen)), again))


def _key(seen: Seen) -> Iterator[str]:
    file = "/etc/dropbear/authorized_keys"
    if seen.listed.target.forced_command:
        yield f"put the line that this prints into {file} on the router: {_renewing(seen)}"
        return
    public = public_key_of(seen.listed.private_key)
    yield f"on the router: echo '{public}' >> {file}; chmod 600 {file}"
    if public.startswith("ssh-ed25519"):
        yield "images for 8 MB of flash may know no ed25519; a key for those: ssh-keygen -t rsa -b 3072 -N ''"


def _password(seen: Seen) -> Iterator[str]:
    yield f"compare the password of auths.{seen.listed.target.auth} with that of the router, which passwd sets there"
    options = "; ".join(f"uci set dropbear.@dropbear[0].{each}=on" for each in ("PasswordAuth", "RootPasswordAuth"))
    yield f"on the router: {options}; uci commit dropbear; /etc/init.d/dropbear restart"


def _bad_script(seen: Seen) -> Line:
    if not isinstance(seen.trouble, ScriptRefused):
        return Line("", "wrong", str(seen.trouble), ("try again; on the router, read: logread -e dropbear",))
    if seen.listed.target.forced_command:
        renew = f"replace the key's line in /etc/dropbear/authorized_keys by what this prints: {_renewing(seen)}"
        return Line("", "wrong", f"{seen.trouble} (it may be of another module or version)", (renew,))
    forced = f"write forced_command: true below target {seen.listed.name}, and renew the line by: {_renewing(seen)}"
    mend = (
        f"if the key's line in /etc/dropbear/authorized_keys begins with command=, {forced}",
        "else the user's shell is none: it is the last word of the user's line in /etc/passwd, such as /bin/ash",
    )
    return Line("", "wrong", str(seen.trouble), mend)


def _renewing(seen: Seen) -> str:
    words = ("pomona", "router", "authorized-key", seen.listed.module.name, "--auth", seen.listed.target.auth)
    return shlex.join((*words, *(("--config.file", str(seen.config_file)) if seen.config_file else ())))


def _auth(seen: Seen) -> str:
    return shlex.quote(seen.listed.target.auth)


_BAD = (_bad_name, _bad_tcp, _bad_ssh, _bad_host_key, _bad_login, _bad_script)
