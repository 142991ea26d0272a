"""Logins: who is let in, what is remembered, and how those who guess are slowed down."""

import asyncio
import base64
import threading
from pathlib import Path

import bcrypt
import pytest

from core.webserver import get, serving
from exporters.core.auth import Login, Verdict
from exporters.core.pool import Pool

HERE = "192.0.2.1"


def stored(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Hand:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ask(login: Login, user: str, password: str, address: str = HERE) -> Verdict:
    return asyncio.run(login.check(basic(user, password), address))


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def login(clock: Hand) -> Login:
    return Login({"prometheus": stored("pear"), "grafana": stored("plum")}, Pool(4), clock)


def test_known_users_with_their_passwords_are_let_in(login: Login) -> None:
    assert ask(login, "prometheus", "pear") == "welcome"
    assert ask(login, "grafana", "plum") == "welcome"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("prometheus", "plum"),
        ("grafana", "pear"),
        ("nobody", "pear"),
        ("", ""),
        ("prometheus", ""),
        ("Prometheus", "pear"),
    ],
)
def test_all_others_are_refused(login: Login, user: str, password: str) -> None:
    assert ask(login, user, password) == "refused"
    assert ask(login, "prometheus", "pear") == "welcome"
    assert ask(login, user, password) == "refused"


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic ???", "Basic cGVhcg==", "Bearer cHJvbWV0aGV1czpwZWFy", "Basic \xff"]
)
def test_what_is_no_basic_header_is_refused(login: Login, header: str) -> None:
    assert asyncio.run(login.check(header, HERE)) == "refused"


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_the_three_prefixes_of_bcrypt_are_known(prefix: str) -> None:
    login = Login({"prometheus": prefix + stored("pear")[4:]}, Pool(1))
    assert ask(login, "prometheus", "pear") == "welcome"
    assert ask(login, "prometheus", "plum") == "refused"


def test_a_password_of_any_length_is_compared_as_bcrypt_does() -> None:
    login = Login({"prometheus": stored("p" * 72)}, Pool(1))
    assert ask(login, "prometheus", "p" * 100) == "welcome"
    assert ask(login, "prometheus", "p" * 71) == "refused"


def test_no_other_credentials_read_like_remembered_ones() -> None:
    """CVE-2022-46146: a cache whose key was user, hash and password without bounds."""
    hashed = stored("pear")
    login = Login({"ab": hashed}, Pool(1))
    assert ask(login, "ab", "pear") == "welcome"
    for user, password in (
        ("ab" + hashed + "pear", ""),
        ("a", "b" + hashed + "pear"),
        ("ab" + hashed, "pear"),
        ("abp", "ear"),
    ):
        assert ask(login, user, password) == "refused"
    parts = [(b"ab", b"c"), (b"a", b"bc"), (b"", b"abc"), (b"abc", b"")]
    assert len({login._digest(user, password) for user, password in parts}) == len(parts)


def test_a_refused_password_is_never_remembered_as_good(login: Login) -> None:
    assert ask(login, "nobody", "pear") == "refused"
    assert ask(login, "prometheus", "plum") == "refused"
    assert login._good == {}


def test_who_guesses_is_slowed_down_and_nobody_else_is(login: Login, clock: Hand) -> None:
    assert ask(login, "prometheus", "pear") == "welcome"
    verdicts = [ask(login, "prometheus", f"guess {number}") for number in range(50)]
    assert verdicts.count("refused") == 7
    assert set(verdicts[7:]) == {"later"}
    assert ask(login, "prometheus", "pear") == "welcome"
    assert ask(login, "grafana", "plum", "198.51.100.7") == "welcome"
    clock.seconds += 1
    assert [ask(login, "nobody", f"guess {number}") for number in range(3)] == ["refused", "refused", "later"]


def test_many_addresses_together_have_a_limit_too(login: Login) -> None:
    verdicts = [ask(login, "nobody", "guess", f"2001:db8::{number:x}") for number in range(2000)]
    assert verdicts.count("refused") == 16
    assert len(login._throttle._each) <= 1024


def test_the_same_good_login_many_times_at_once_is_checked_once(login: Login) -> None:
    async def all_at_once() -> list[Verdict]:
        return await asyncio.gather(*(login.check(basic("prometheus", "pear"), HERE) for _ in range(50)))

    assert asyncio.run(all_at_once()) == ["welcome"] * 50
    assert login._flights == {}


def test_a_password_check_does_not_hold_up_the_loop(login: Login) -> None:
    free = threading.Event()
    busy = Login({"slow": stored("pear")}, Pool(1))
    busy._pool.submit(lambda: free.wait(30))

    async def meanwhile() -> Verdict:
        waiting = asyncio.ensure_future(busy.check(basic("slow", "pear"), HERE))
        assert await login.check(basic("prometheus", "pear"), HERE) == "welcome"
        assert not waiting.done()
        free.set()
        return await waiting

    assert asyncio.run(meanwhile()) == "welcome"


def test_the_server_asks_for_a_login_on_every_path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  prometheus: {stored('pear')}\n")
    with serving(config_file=file) as web:
        for path in ("/metrics", "/nothing", "/-/healthy"):
            answer = get(web, path)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Basic")
        assert get(web, headers={"Authorization": basic("prometheus", "pear")}).status == 200
        bad = {"Authorization": basic("prometheus", "guess-so-secret")}
        statuses = [get(web, headers=bad).status for _ in range(12)]
        assert set(statuses) == {401, 429}
        assert get(web, headers={"Authorization": basic("prometheus", "pear")}).status == 200
    assert "guess-so-secret" not in caplog.text


def test_users_are_exchanged_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  prometheus: {stored('pear')}\n")
    old, new = {"Authorization": basic("prometheus", "pear")}, {"Authorization": basic("prometheus", "new plum")}
    with serving(config_file=file) as web:
        assert get(web, headers=old).status == 200
        file.write_text(f"basic_auth_users:\n  prometheus: {stored('new plum')}\n# changed\n")
        assert get(web, headers=old).status == 401
        assert get(web, headers=new).status == 200
