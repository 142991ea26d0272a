"""The way from Alertmanager to its receivers: faults, a second Alertmanager, and the channels with their secrets."""

import email
import email.policy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

import scaled
from conftest import ROOT
from e2e.asking import until
from e2e.listening import Listener, Mailbox, listening
from e2e.managing import TEMPLATES, Manager, Told, alert, configuration, instances, peered, settled
from exporters.stack.engines import Engines
from exporters.stack.receiver import Receiver
from exporters.stack.supervisor import Supervisor

FACTOR = 1 / 600
SHIPPED = ROOT / "alert_rules" / "alertmanager.yml"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "logs") as supervisor:
        yield supervisor


def delivered(listener: Listener) -> list[str]:
    """The machines that its accepted messages told of."""
    messages = [json.loads(body) for _, _, body in listener.accepted]
    return sorted({each["labels"]["instance"] for message in messages for each in message["alerts"]})


@pytest.mark.parametrize("faults", [(500, 503, 500), (0,)], ids=["answers 500", "hangs"])
def test_a_receiver_that_fails_is_tried_again_and_nothing_is_lost(
    engines: Engines, supervisor: Supervisor, tmp_path: Path, faults: tuple[int, ...]
) -> None:
    listener = Listener(*faults)
    with listening(listener):
        manager = Manager(supervisor, engines.alertmanager, tmp_path)
        manager.configure(configuration(listener.server_port, FACTOR))
        manager.start()
        manager.raised(alert("ComponentDown", "critical", "a", scope="service"))
        until(lambda: listener.failed, "the first attempt")
        manager.raised(alert("ComponentDown", "critical", "b", scope="service"))
        until(lambda: delivered(listener) == ["a", "b"], "both told in the end")
        assert listener.failed == len(faults)


def test_two_alertmanagers_tell_once_and_one_is_enough(
    engines: Engines, supervisor: Supervisor, tmp_path: Path
) -> None:
    told = Told()
    with Receiver(0, told) as receiver:
        both = [Manager(supervisor, engines.alertmanager, tmp_path, name) for name in ("one", "other")]
        for manager, other in (both, both[::-1]):
            manager.configure(configuration(urlsplit(receiver.url).port or 0, FACTOR))
            peered(manager, other)
        until(lambda: all(settled(each) for each in both), "both in one cluster")
        for each in both:
            each.raised(alert("ComponentDown", "critical", "a", scope="service"))
        told.message("pager", instance="a")
        until(lambda: all(each.counted("alertmanager_nflog_queries_total") for each in both), "the turn of both")
        assert sum(each.counted("alertmanager_notifications_total") for each in both) == 1
        assert len(told.messages("pager")) == 1
        first = next(each for each in both if each.counted("alertmanager_notifications_total"))
        (second,) = (each for each in both if each is not first)
        first.end()
        second.raised(alert("ComponentDown", "critical", "b", site="south", scope="service"))
        assert instances(told.message("pager", instance="b")) == ["b"]


def real(listener: Listener, mailbox: Mailbox, folder: Path) -> dict[str, Any]:
    """The shipped file with addresses of this test and secrets in its folder."""
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "slack_url").write_text(listener.url("slack-secret"))
    (secrets / "pagerduty_key").write_text("pager-secret")
    (secrets / "heartbeat_token").write_text("beat-secret")
    (secrets / "smtp_password").write_text("mail-secret")
    text = SHIPPED.read_text().replace("/etc/alertmanager/secrets", str(secrets))
    text = text.replace("https://heartbeat.example.org/pomona", listener.url("beat"))
    document = yaml.safe_load(text.replace("mail.example.org:587", mailbox.address))
    own = {"pagerduty_url": listener.url("pagerduty"), "smtp_require_tls": False}
    route = {key: value for key, value in document["route"].items() if key != "routes"}
    hours = ("mute_time_intervals", "active_time_intervals")
    below = [{key: value for key, value in each.items() if key not in hours} for each in document["route"]["routes"]]
    changed = {"global": {**document["global"], **own}, "templates": [TEMPLATES], "route": {**route, "routes": below}}
    return scaled.routes({**document, **changed}, FACTOR)


def test_every_channel_gets_its_text_with_the_secret_of_its_file(
    engines: Engines, supervisor: Supervisor, tmp_path: Path
) -> None:
    listener, mailbox = Listener(), Mailbox()
    with listening(listener), listening(mailbox):
        manager = Manager(supervisor, engines.alertmanager, tmp_path)
        manager.configure(real(listener, mailbox, tmp_path))
        manager.start()
        manager.raised(
            alert("ComponentDown", "critical", "<!channel>", scope="service"),
            alert("MacBatteryLow", "critical", "<!channel>"),
            alert("HostUpdates", "info", "<b>x\r\nBcc: all@example.org"),
            alert("Watchdog", "none", "", scope="fleet"),
        )
        until(lambda: listener.to("pagerduty") and listener.to("slack-secret") and listener.to("beat"), "all told")
        page, slack = (json.loads(listener.to(path)[0][2]) for path in ("pagerduty", "slack-secret"))
        assert (page["routing_key"], page["payload"]["severity"]) == ("pager-secret", "critical")
        assert page["payload"]["summary"] == "critical: ComponentDown of <!channel>"
        assert page["links"] == [{"href": "http://127.0.0.1:3000/d/pomona-mac", "text": "Dashboard"}]
        assert slack["attachments"][0]["title"] == "critical: MacBatteryLow of &lt;!channel&gt;"
        assert "<!" not in slack["attachments"][0]["text"]
        assert listener.to("beat")[0][1] == "Bearer beat-secret"
        until(lambda: mailbox.mails, "the digest")
        mail = email.message_from_string(mailbox.mails[0], policy=email.policy.default)
        assert mail["To"] == "operations@example.org"
        assert mail["Bcc"] is None
        assert mail["Subject"].startswith("info: HostUpdates of <b>x")
        assert "&lt;b&gt;x" in mail.get_body(("html",)).get_content()
        assert "info: HostUpdates of <b>x" in mail.get_body(("plain",)).get_content()
