"""Log lines as text and JSON: their ids, and that nobody can forge a line."""

from __future__ import annotations

import json
import logging
import sys
import threading
from typing import Any
from unittest.mock import Mock

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from catalog import tasks
from postersite.celery import enter_log_context, leave_log_context, send_request_id, use_log_format
from postersite.logs import JsonFormatter, TextFormatter, log_context
from postersite.middleware import RequestIdMiddleware
from postersite.web.gunicorn_log import Logger


def record(message: str, *args: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord(
        "catalog.test", logging.WARNING, __file__, 1, message, args, more.get("exc_info")
    )
    made.created = 0.0
    return made


def line(message: str = "hello", *args: object, **more: Any) -> dict[str, Any]:
    text = JsonFormatter().format(record(message, *args, **more))
    assert text.isascii() and text.splitlines() == [text]
    return dict(json.loads(text))


def test_a_json_line_says_when_what_and_where() -> None:
    found = line("%s films", 5)
    assert found.pop("process") > 0
    assert found == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "WARNING",
        "logger": "catalog.test",
        "message": "5 films",
    }


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        found = line("failed", exc_info=sys.exc_info())
    assert "Traceback" in found["exception"] and "ValueError: a\nb" in found["exception"]


@given(st.text())
def test_a_message_is_one_line_whatever_it_contains(message: str) -> None:
    assert line("%s", message)["message"] == message
    text = TextFormatter().format(record("%s", message))
    assert len(text.splitlines()) == 1 and "\x1b" not in text


def test_text_lines_are_as_before() -> None:
    text = TextFormatter().format(record("Ünïcode\tand \\n stay"))
    assert text.endswith(" WARNING catalog.test: Ünïcode\tand \\n stay")
    assert r"\r\n2026 ERROR" in TextFormatter().format(record("x\r\n2026 ERROR"))


def test_ids_are_those_of_the_block_and_thread() -> None:
    other: list[dict[str, Any]] = []
    with log_context(request_id="a", run_id=1):
        with log_context(run_id=2):
            assert (line()["request_id"], line()["run_id"]) == ("a", 2)
            thread = threading.Thread(target=lambda: other.append(line()))
            thread.start()
            thread.join()
        assert line()["run_id"] == 1
    assert "request_id" not in line() and "request_id" not in other[0]


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [
        ("4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("Root=1-67891233-abcdef012345678912345678", True),
        ("", False),
        ("x" * 129, False),
        ('a" b', False),
        ("a\n", False),
        ("\xe9", False),
    ],
)
def test_requests_have_an_id(given_id: str, kept: bool) -> None:
    inside: list[str] = []

    def respond(_: HttpRequest) -> HttpResponse:
        inside.append(line()["request_id"])
        return HttpResponse()

    request = RequestFactory().get("/", HTTP_X_REQUEST_ID=given_id)
    response = RequestIdMiddleware(respond)(request)
    assert [response["X-Request-ID"]] == inside
    assert (inside[0] == given_id) is kept and (kept or len(inside[0]) == 32)
    assert "request_id" not in line()


def test_every_response_has_its_id(client: Client) -> None:
    first, second = client.get("/healthz"), client.get("/robots.txt")
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert client.get("/healthz", headers={"X-Request-ID": "mine"})["X-Request-ID"] == "mine"


def test_lines_of_a_task_name_it_and_its_run() -> None:
    task = tasks.RUN_TASKS["scrape"]
    enter_log_context("outer", task, (7,))
    enter_log_context("inner", tasks.sweep, ())
    assert (line()["task"], line()["task_id"]) == ("catalog.tasks.sweep", "inner")
    leave_log_context("inner")
    assert (line()["task"], line()["task_id"], line()["run_id"]) == (task.name, "outer", 7)
    leave_log_context("outer")
    leave_log_context("unknown")
    assert "task_id" not in line()


def test_lines_of_a_task_name_the_request_that_queued_it() -> None:
    task = tasks.RUN_TASKS["scrape"]
    headers: dict[str, Any] = {}
    send_request_id(headers=headers)
    assert headers == {}
    with log_context(request_id="a"):
        send_request_id(headers=headers)
    task.push_request(headers=headers, **headers)
    try:
        enter_log_context("id", task, (7,))
        queued_by_it: dict[str, Any] = {}
        send_request_id(headers=queued_by_it)
        assert line()["request_id"] == queued_by_it["request_id"] == "a"
    finally:
        leave_log_context("id")
        task.pop_request()


@pytest.mark.parametrize(("log_format", "changed"), [("text", False), ("json", True)])
def test_celery_and_gunicorn_use_the_same_format(settings: Any, log_format: str, changed: bool) -> None:
    settings.LOG_FORMAT = log_format
    handler = logging.StreamHandler()
    use_log_format(logger=Mock(handlers=[handler]))
    assert isinstance(handler.formatter, JsonFormatter) is changed
    cfg = Mock(
        loglevel="info",
        errorlog="-",
        accesslog="-",
        capture_output=False,
        syslog=False,
        chdir="/",
        logconfig=None,
        logconfig_dict={},
        logconfig_json=None,
    )
    gunicorn = Logger(cfg)
    try:
        handlers = (*gunicorn.error_log.handlers, *gunicorn.access_log.handlers)
        found = [each.formatter for each in handlers if hasattr(each, "_gunicorn")]
        assert len(found) == 2 and all(isinstance(each, JsonFormatter) is changed for each in found)
    finally:
        gunicorn.error_log.handlers.clear()
        gunicorn.access_log.handlers.clear()
