"""What parsers and metrics may know besides the replies: the collector's config, the privacy level and key."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal, get_args

Level = Literal["standard", "full", "strict"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True)
class Context:
    """One frozen object for each collector of a machine; `config` is the Struct that its declaration names."""

    config: Any = None
    level: Level = "standard"
    key: bytes = field(default=b"", repr=False)

    def hash(self, text: str) -> str:
        """A short keyed hash (12 hexadecimal digits) that stands in for what must not be published."""
        return blake2b(text.encode(errors="surrogateescape"), key=self.key[:64], digest_size=6).hexdigest()

    def identity(self, text: str | None) -> str:
        """An identifier: as it is at `full`, hashed at `standard`, empty at `strict`."""
        if not text or self.level == "strict":
            return ""
        return text if self.level == "full" else self.hash(text)

    def personal(self, text: str | None) -> str:
        """A name that a person gave: only at `full`."""
        return text or "" if self.level == "full" else ""
