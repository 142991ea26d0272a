"""The web file as it is now: read again when it, or a certificate that it names, changes on disk."""

import logging
from dataclasses import dataclass
from pathlib import Path

from exporters.core.auth import Bucket, Login
from exporters.core.exchange import WebError
from exporters.core.pool import Pool
from exporters.core.stamp import Stamp, stamp
from exporters.core.tls import Guard, guard
from exporters.core.webconfig import WebConfig, read_web_file


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms requests are answered at the moment. None is for plain HTTP, no login, no limit."""

    guard: Guard | None = None
    login: Login | None = None
    bucket: Bucket | None = None
    headers: tuple[tuple[str, str], ...] = ()


class LiveFile:
    """Gives the terms of the last good web file; a bad one is told once and changes nothing."""

    def __init__(self, path: Path | None, pool: Pool, log: logging.Logger) -> None:
        self._path, self._pool, self._log = path, pool, log
        self._watched: tuple[Path, ...] = (path,) if path else ()
        self._stamp: Stamp = ()
        self._config: WebConfig | None = None
        self._terms = Terms()
        self.good = True

    def load(self) -> Terms:
        """The terms; WebError where the file cannot be honoured."""
        if self._path is None:
            return self._terms
        self._stamp = self._look()
        config = read_web_file(self._path)
        if self._watched[1:] != config.paths:
            self._watched = (self._path, *config.paths)
            self._stamp = self._look()
        self._terms = self._made(config)
        self._config = config
        return self._terms

    def current(self) -> Terms:
        """The terms as of now: a look at the times of a few files, and no more unless one has changed."""
        if self._look() == self._stamp:
            return self._terms
        self.good = False
        try:
            self.load()
        except WebError as error:
            self._log.error("the web file in force stays: %s", error)
        except Exception as bug:  # noqa: BLE001 - whatever is in the file, requests are answered
            self._log.error("the web file in force stays: the new one cannot be read (%s)", type(bug).__name__)
        else:
            self.good = True
            self._log.info("the web file and its certificates were read again")
        return self._terms

    def _made(self, config: WebConfig) -> Terms:
        if self._config and (config.tls is None) != (self._config.tls is None):
            raise WebError(f"{self._path}: TLS cannot be switched on or off while it runs; restart")
        return Terms(
            guard=guard(config.tls) if config.tls else None,
            login=self._login(config),
            bucket=Bucket(config.interval, config.burst) if config.interval else None,
            headers=config.headers,
        )

    def _login(self, config: WebConfig) -> Login | None:
        """The same one while users and hashes are the same, so that good logins stay remembered."""
        if self._config and config.users == self._config.users:
            return self._terms.login
        return Login(dict(config.users), self._pool) if config.users else None

    def _look(self) -> Stamp:
        return stamp(self._watched)
