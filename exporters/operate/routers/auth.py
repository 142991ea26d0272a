"""How the exporter logs in: a user and one secret, from a file or the environment, never in the configuration."""

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from exporters.core.config import Fault
from exporters.core.explain import Place
from exporters.core.privacy import expanded
from exporters.sources.base import Denied
from exporters.sources.sshauth import load_key

LONGEST_PATH, SHORT_PATH = 1024, 128
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _told(path: Path) -> str:
    """A path that is surely one: somebody may have written the secret itself in its place."""
    return str(path) if path.is_absolute() and len(str(path)) <= SHORT_PATH else "the file that is named there"


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    """A login: a user, and one private key or password from a file or an environment variable."""

    username: str = "root"
    private_key_file: str = ""
    private_key_env: str = ""
    password_file: str = ""
    password_env: str = ""

    def __post_init__(self) -> None:
        """Exactly one secret."""
        if sum(bool(each) for each in self.places()) != 1:
            raise ValueError("give one of private_key_file, private_key_env, password_file and password_env")

    def places(self) -> tuple[str, str, str, str]:
        """Where the secret may come from."""
        return self.private_key_file, self.private_key_env, self.password_file, self.password_env


class Secrets:
    """Reads them; every fault names its place in the configuration and never what was read."""

    def __init__(self, environ: Mapping[str, str], fault: Fault) -> None:
        self._environ, self._fault = environ, fault
        self.warnings: list[str] = []

    def of(self, place: Place, auth: Auth) -> tuple[str, str]:
        """The text of the private key and the password, one of them empty."""
        key_file, key_env, password_file, password_env = auth.places()
        if password_file or password_env:
            text = self._file((*place, "password_file"), password_file) or self._variable(
                (*place, "password_env"), password_env
            )
            return "", text.rstrip("\r\n")
        at = (*place, "private_key_file" if key_file else "private_key_env")
        text = self._file(at, key_file) or self._variable(at, key_env)
        try:
            load_key(text)
        except Denied as error:
            raise self._fault(at, str(error)) from error
        return text, ""

    def _variable(self, place: Place, name: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise self._fault(place, "expected the name of a variable, not its value")
        if not self._environ.get(name):
            raise self._fault(place, "the environment has no variable of that name")
        return self._environ[name]

    def _file(self, place: Place, name: str) -> str:
        """Its content; nothing where no file is named."""
        if not name:
            return ""
        if "\n" in name or "BEGIN" in name or len(name) > LONGEST_PATH:
            raise self._fault(place, "expected the path of a file, not its content")
        path = expanded(name)
        try:
            text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode
        except OSError as error:
            raise self._fault(place, f"{_told(path)}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise self._fault(place, f"{_told(path)}: no UTF-8 text") from error
        if not text.strip():
            raise self._fault(place, f"{_told(path)}: empty")
        if mode & 0o077:
            self.warnings.append(f"{path}: others may read the secret; mend it with: chmod 600 {path}")
        return text
