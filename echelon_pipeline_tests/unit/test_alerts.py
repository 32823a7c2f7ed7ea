"""Alerts: delivered once, retried a bounded number of times, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from echelon_pipeline.alerts import delivery
from echelon_pipeline.alerts.alert import Alert
from echelon_pipeline.alerts.delivery import ATTEMPTS, deliver, raise_alert
from echelon_pipeline.errors import BadSettings
from echelon_pipeline.settings import Settings, load_settings
from echelon_pipeline_tests.receivers import Webhook, mail_server, webhook

SECRET = "s3cr3t-part-of-the-path"
FAILED = Alert("run main core_kalshi_trades", "main failed", "VenueDown: kalshi", details={"run": "1234"})


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook(f"/services/{SECRET}") as running:
        yield running


def settings_of(tmp_path: Path, **more: str) -> Settings:
    return load_settings({"ECHELON_HOME": str(tmp_path), **more})


@pytest.fixture
def settings(tmp_path: Path, hook: Webhook) -> Settings:
    return settings_of(tmp_path, ECHELON_ALERT_WEBHOOK=hook.url)


class Clock:
    """Real time, moved on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(delivery, "time", self)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_an_alert_arrives_as_text_and_as_parts(settings: Settings, hook: Webhook) -> None:
    raise_alert(settings, FAILED)
    (body,) = hook.received
    assert body["text"] == "[error] main failed\nVenueDown: kalshi\nrun: 1234"
    assert body["details"] == {"run": "1234"}
    assert (body["key"], body["severity"], body["times"]) == (FAILED.key, "error", 1)


def test_repetitions_are_counted_and_sent_once_per_interval(settings: Settings, hook: Webhook, clock: Clock) -> None:
    for _ in range(4):
        raise_alert(settings, FAILED)
        clock.now += 600
    assert len(hook.received) == 1
    clock.now += 3_600
    raise_alert(settings, FAILED)
    assert [body["times"] for body in hook.received] == [1, 4]
    assert "4 times since" in hook.received[1]["text"]


def test_alerts_of_other_keys_are_sent_at_once(settings: Settings, hook: Webhook) -> None:
    for number in range(3):
        raise_alert(settings, Alert(f"key {number}", "title", "text"))
    assert [body["key"] for body in hook.received] == ["key 0", "key 1", "key 2"]


def test_a_destination_that_fails_is_tried_again_later_with_growing_waits(
    settings: Settings, hook: Webhook, clock: Clock
) -> None:
    hook.answers += [500, 503]
    raise_alert(settings, FAILED)
    assert deliver(settings) == 0  # its time has not come
    assert hook.requests == 1
    clock.now += 31
    assert deliver(settings) == 0
    clock.now += 31
    assert deliver(settings) == 0
    assert hook.requests == 2
    clock.now += 31
    assert deliver(settings) == 1
    assert len(hook.received) == 1


def test_attempts_are_bounded_and_the_next_alert_of_the_key_starts_again(
    settings: Settings, hook: Webhook, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers += [500] * ATTEMPTS
    raise_alert(settings, FAILED)
    for _ in range(2 * ATTEMPTS):
        clock.now += 3_600
        deliver(settings)
    assert hook.requests == ATTEMPTS
    assert f"not delivered after {ATTEMPTS} attempts" in caplog.text
    raise_alert(settings, FAILED)
    assert [body["times"] for body in hook.received] == [2]


@pytest.mark.parametrize("answer", [302, 404, 500])
def test_neither_log_nor_alert_has_a_secret(
    settings: Settings, hook: Webhook, caplog: pytest.LogCaptureFixture, answer: int
) -> None:
    hook.answers.append(answer)
    with caplog.at_level(logging.DEBUG):
        raise_alert(
            settings, Alert("key", f"cannot post to {hook.url}", f"see {hook.url}?a=b", details={"at": hook.url})
        )
    assert hook.requests == 1  # also for a redirect
    assert str(answer) in caplog.text
    assert SECRET not in caplog.text
    state = (settings.home / "state.sqlite").read_bytes()
    assert b"cannot post to" in state
    assert SECRET.encode() not in state


def test_a_webhook_that_is_gone_does_not_stop_the_caller(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(f"/{SECRET}") as gone:
        settings = settings_of(tmp_path, ECHELON_ALERT_WEBHOOK=gone.url)
    with caplog.at_level(logging.DEBUG):
        raise_alert(settings, FAILED)
    assert "cannot be reached" in caplog.text
    assert SECRET not in caplog.text


def test_without_a_destination_nothing_is_recorded(tmp_path: Path) -> None:
    raise_alert(settings_of(tmp_path), FAILED)
    assert not (tmp_path / "state.sqlite").exists()


def test_a_mail_has_subject_sender_and_recipients(tmp_path: Path) -> None:
    with mail_server() as (port, mails):
        settings = settings_of(
            tmp_path,
            ECHELON_ALERT_SMTP=f"smtp://127.0.0.1:{port}",
            ECHELON_ALERT_MAIL="a@b.example, c@d.example",
            ECHELON_ALERT_SENDER="echelon@b.example",
        )
        raise_alert(settings, Alert("key", "main failed\r\nBcc: x@y.example", "VenueDown: kalshi"))
    (mail,) = mails
    assert "Subject: [echelon] error: main failed Bcc: x@y.example" in mail
    assert "To: a@b.example, c@d.example" in mail
    assert "From: echelon@b.example" in mail
    assert "VenueDown: kalshi" in mail


def test_each_destination_has_its_own_attempts(tmp_path: Path, hook: Webhook, clock: Clock) -> None:
    with mail_server(login=True) as (port, mails):
        settings = settings_of(
            tmp_path,
            ECHELON_ALERT_WEBHOOK=hook.url,
            ECHELON_ALERT_SMTP=f"smtp://user:pass%40word@127.0.0.1:{port}",
            ECHELON_ALERT_MAIL="a@b.example",
        )
        hook.answers.append(500)
        raise_alert(settings, FAILED)
        clock.now += 31
        deliver(settings)
    assert len(hook.received) == 1
    login, mail = mails
    assert login.startswith("AUTH PLAIN")
    assert "main failed" in mail


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ECHELON_ALERT_WEBHOOK": "ftp://x/y"}, "ECHELON_ALERT_WEBHOOK"),
        ({"ECHELON_ALERT_SMTP": "smtp://mail.example"}, "ECHELON_ALERT_MAIL"),
        ({"ECHELON_ALERT_MAIL": "nobody"}, "ECHELON_ALERT_MAIL"),
    ],
)
def test_an_unusable_destination_is_refused_by_name(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        load_settings(given)
