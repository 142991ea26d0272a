"""Stand-ins of the same shape for names, serial numbers and addresses, so that a capture may leave its machine."""

import json
import plistlib
import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import shake_256
from typing import Any

from exporters.operate.shapes import (
    ADDRESS,
    IDENTITY,
    NOTHING,
    POSSESSIVE,
    PRIVATE,
    ROUTE,
    any_of,
    is_address,
    is_harmless,
)

HEX = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]+\Z")
LONG_NUMBER = 1_000_000
REPORT = re.compile(r"SP\w+DataType\Z")
VOLUMES = re.compile(r"volumes|media\Z", re.IGNORECASE)
"""Below them `_name`, which a device's item may publish, is what a person called a disk."""
OWN_PLACE = re.compile(r"/(Users|home|(?<!/System/)Volumes|media)/(?!Shared/)[^/]+/.", re.DOTALL)
"""What a person keeps below their folder or on their disk is named by them, under whatever key and mount point."""
_DESTINATION = re.compile(
    r"(https?://)?([0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|\[[^\]]*\]|[^/:?#]*)(:\d+)?(.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_OWN = re.compile(r"localhost\Z|127\.[0-9.]+\Z|\[?::1\]?\Z", re.IGNORECASE)
_JOB = re.compile(rb"[^\n]+ = \{\n")
_JOB_LINE = re.compile(r"\S+/\S+ = \{|\t(?:state|runs|last exit (?:code|reason)) = [\w :|().-]+|\}")
"""Of a job of launchd what is read: its arguments and its environment hold passwords."""
JETSAM = "JetsamEvent"
_REPORT = re.compile(r"(ExcUserFault_)?(.*?)([-_]\d{4}-\d\d-\d\d-\d{6})(.*?)((?:\.\w+_resource)?\.\w+)", re.DOTALL)
_HEAD, _TAIL, _KIND = re.compile(r"[^*?\[]*"), re.compile(r"[^*?\]]*\Z"), re.compile(r"(\.[A-Za-z0-9]{1,5})?\Z")
"""What a shell pattern says at its begin and its end; how the name of a file ends."""
_WILD, _LITERAL = re.compile(r"[*?\[]"), re.compile(r"\[[*?\[]\]")
_STRUCTURES = (b"bplist", b"<?xml", b"<plist", b"<!DOCTYPE plist", b"{", b"[")


class Unreadable(Exception):
    """What claims a structure that cannot be read: nobody can say what in it is private."""


class Redactor:
    """Equal texts get equal stand-ins, whatever their case and punctuation: joins survive. The key is for one capture.

    `names` are those of people and of the machine, which are looked for in every text.
    """

    def __init__(self, key: bytes, names: Iterable[str] = ()) -> None:
        self._key = key
        self._names = any_of(names)

    def document(self, data: bytes, publishes: Collection[str]) -> bytes:
        """A plist or JSON with strings kept only under keys that may be published; text searched by its patterns.

        Of property lists with NULs between them, and of JSON by line, each is one. Of a job of launchd what is known.
        """
        head = data.lstrip()
        if head.startswith(b"<?xml") and b"\0" in data:
            return b"\0".join(self.document(part, publishes) for part in data.split(b"\0"))
        try:
            if head.startswith(_STRUCTURES[:4]):
                form = plistlib.FMT_BINARY if head.startswith(b"bplist") else plistlib.FMT_XML
                tree = self._tree(plistlib.loads(data), "", publishes)
                return plistlib.dumps(tree, fmt=form, sort_keys=False)
            if head.startswith(_STRUCTURES[4:]):
                return b"".join(self._json(each, publishes) for each in _documents(data))
        except Exception as error:  # plistlib lets many kinds through: expat, struct, index, recursion
            raise Unreadable(type(error).__name__) from error
        if b"\0" in data:
            raise Unreadable("binary data")
        if _JOB.match(head):
            data = b"".join(each for each in data.splitlines(keepends=True) if _is_of_job(each))
        return self.text(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def _json(self, data: bytes, publishes: Collection[str]) -> bytes:
        """One line stays one line, with its end."""
        indent = 1 if b"\n" in data.strip() else None
        told = json.dumps(self._tree(json.loads(data), "", publishes), ensure_ascii=False, indent=indent).encode()
        return told + b"\n" * data.endswith(b"\n")

    def facts(self, value: Any) -> Any:
        """System facts, whose strings are kept as far as no pattern finds anything in them."""
        return self._tree(value, "", None)

    def text(self, text: str) -> str:
        """The text with every address, home folder, volume, serial number and known name replaced."""
        for pattern in PRIVATE:
            text = pattern.sub(lambda found: self.stand_in(found[0]), text)
        text = ADDRESS.sub(lambda found: self._address(found[0]), text)
        text = ROUTE.sub(lambda found: f"{found[1]}{self._route(found[2])}", text)
        return self._names.sub(lambda found: self.stand_in(found[0]), text) if self._names else text

    def file(self, name: str) -> str:
        """The name of a file; a diagnostic report's holds a process before its time, and behind it the Mac's name."""
        if not (found := _REPORT.fullmatch(name)):
            return self.text(name)
        fault, process, time, host, kind = found.groups(default="")
        return f"{fault}{process if process == JETSAM else self.stand_in(process)}{time}{self.stand_in(host)}{kind}"

    def destination(self, address: str) -> str:
        """Where a probe goes: the port and this machine stay, of a number what joins it with other answers; no path."""
        scheme, host, port, path = _DESTINATION.match(address).groups(default="")  # type: ignore[union-attr]
        clean = self.text(host)
        kept = _OWN.match(host) or clean != host
        return f"{scheme}{clean if kept else self.stand_in(host)}{port}{self.stand_in(path)}"

    def file_name(self, name: str, pattern: str) -> str:
        """A name of which only what the shell pattern says and the kind of file is kept."""
        head = _HEAD.match(pattern)[0]  # type: ignore[index]
        tail = _TAIL.search(pattern)[0] or _KIND.search(name)[0]  # type: ignore[index]
        if not _WILD.search(_LITERAL.sub("", pattern)) or len(head) + len(tail) > len(name):
            return name
        return f"{head}{self.stand_in(name[len(head) : len(name) - len(tail)])}{tail}"

    def stand_in(self, text: str) -> str:
        """Letters for letters, digits for digits, hexadecimal for hexadecimal; everything else stays."""
        core = "".join(char for char in text.casefold() if char.isalnum())
        stream = self._stream(core, len(text))
        alphabet = string.hexdigits[:16] if HEX.match(core) else None
        return "".join(_other(char, alphabet, stream) if char.isalnum() else char for char in text)

    def _stream(self, core: str, length: int) -> Iterator[int]:
        return iter(shake_256(self._key + core.encode(errors="surrogatepass")).digest(length))

    def _address(self, text: str) -> str:
        """One of the same reach: of the link, of a site, or beyond."""
        if not is_address(text):
            return text
        if ":" not in text:
            reach = ("169", "254") if text.startswith("169.254.") else ("10",)
            return ".".join((*reach, *map(str, self._stream(text, 4 - len(reach)))))
        kept = 4 if text.lower().startswith("fe80") else 2 if text[:1] in "fF" else 1
        return text[:kept] + self.stand_in(text)[kept:]

    def _route(self, text: str) -> str:
        """The same stand-in as that of the address elsewhere."""
        address = self._address(".".join(str(each) for each in bytes.fromhex(text)[::-1]))
        return bytes(int(each) for each in address.split("."))[::-1].hex().upper()

    def _tree(self, value: Any, key: str, publishes: Collection[str] | None, *, within: bool = False) -> Any:
        """Dictionaries keep their keys, lists their order; numbers and dates stay but for long ones that identify.

        Of an identity that comes in parts, as `wwn` does, each is one: `within` such a key.
        """
        within = within or bool(IDENTITY.search(key))
        match value:
            case Mapping():
                publishes = () if VOLUMES.match(key) else publishes
                return {
                    self._key_text(name): self._tree(item, name, publishes, within=within)
                    for name, item in value.items()
                }
            case list() | tuple():
                return [self._tree(self._unnamed(item, key), key, publishes, within=within) for item in value]
            case str():
                return self._string(value, key, publishes)
            case bytes() if publishes is not None and key not in publishes and any(value):
                return bytes(self._stream(value.hex(), len(value)))
            case int() if abs(value) >= LONG_NUMBER and within:
                return int(self.stand_in(str(abs(value)))) % (1 << 63)
        return value

    def _key_text(self, name: Any) -> Any:
        return self._published(name) if isinstance(name, str) else name

    def _published(self, text: str) -> str:
        """A text that may be shown, without the name of its owner (`Anna's phone`)."""
        return POSSESSIVE.sub(lambda found: self.stand_in(found[0]), self.text(text))

    def _unnamed(self, item: Any, key: str) -> Any:
        """`{NAME: {...}}` in a list below a report's items: there the key is what a person called a device."""
        if isinstance(item, dict) and len(item) == 1 and key and not REPORT.match(key):
            ((name, inner),) = item.items()
            return {self.stand_in(name): inner} if isinstance(inner, dict) else item
        return item

    def _string(self, value: str, key: str, publishes: Collection[str] | None) -> str:
        cleaned = self.text(value)
        if value.strip().casefold() in NOTHING:
            return value
        if publishes is None:
            return self.stand_in(value) if IDENTITY.search(key) else cleaned
        if key in publishes:
            return self.stand_in(value) if OWN_PLACE.search(value) else self._published(value)
        if cleaned == value and is_harmless(value) and not IDENTITY.search(key):
            return value
        return self.stand_in(value)


def _documents(data: bytes) -> list[bytes]:
    """The lines, where each is an object; else the whole, or its first line where only that is JSON (crash reports)."""
    lines = data.lstrip().splitlines(keepends=True)
    if len(lines) > 1 and all(line.startswith(b"{") and line.endswith(b"}\n") for line in lines):
        return lines
    try:
        json.loads(data)
    except ValueError:
        return lines[:1]
    return [data]


def _is_of_job(line: bytes) -> bool:
    return bool(_JOB_LINE.fullmatch(line.removesuffix(b"\n").decode(errors="replace")))


def _other(char: str, alphabet: str | None, stream: Iterator[int]) -> str:
    byte = next(stream)
    if alphabet is None:
        alphabet = string.digits if char.isdigit() else string.ascii_lowercase
    other = alphabet[byte % len(alphabet)]
    return other.upper() if char.isupper() else other
