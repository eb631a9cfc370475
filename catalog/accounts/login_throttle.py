"""Throttles failed sign-ins: by user name and address, by address, and by user name.

django-axes counts the failures. A name that is attacked from many addresses is not locked, because that would
lock out its owner. Instead, attempts are delayed by at most 30 s.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username, get_cool_off, get_failure_limit
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from catalog.runs.progress import duration

NAME_DELAYS_S = (1, 2, 4, 8, 16, 30)
# Clocks of two machines may differ by this much. Attempts further in the future were stored before a clock
# was set back. They are ignored, because they would count until that time is reached again.
CLOCK_SKEW = timedelta(minutes=1)
REFUSALS_EXPIRE_AFTER = timedelta(days=1)
MAX_NAME_LENGTH = 255  # of axes' columns

Credentials = dict[str, Any] | None


class LoginThrottle(AxesDatabaseHandler):
    """Adds limits by address and by name to axes' own (AXES_FAILURE_LIMIT by name and address)."""

    def is_locked(self, request: HttpRequest, credentials: Credentials = None) -> bool:
        return self.wait_s(request, credentials) > 0

    def get_user_attempts(
        self, request: HttpRequest, credentials: Credentials = None
    ) -> list[QuerySet[AccessAttempt]]:
        latest = _now(request) + CLOCK_SKEW
        return [
            each.filter(attempt_time__lte=latest) for each in super().get_user_attempts(request, credentials)
        ]

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        """Counts a failure. Stores the time of an attempt that was refused because of its name."""
        if (
            request is not None
            and request.axes_locked_out  # type: ignore[attr-defined]
            and not self._lock_s(request, credentials)
            and self._refused_at(request, credentials) is None
        ):
            AccessFailureLog.objects.create(
                username=get_client_username(request, credentials),
                ip_address=_address(request),
                locked_out=True,
            )
        super().user_login_failed(sender, credentials, request, **kwargs)

    def wait_s(self, request: HttpRequest, credentials: Credentials = None) -> float:
        """Seconds until this name may be tried from this address; 0 means now."""
        return max(self._lock_s(request, credentials), self._delay_s(request, credentials))

    def _lock_s(self, request: HttpRequest, credentials: Credentials) -> float:
        """Seconds that the address, alone or together with the name, is locked."""
        rules = [(_pair(request, credentials), get_failure_limit(request, credentials))]
        if address := _address(request):
            rules.append((Q(ip_address=address), settings.LOGIN_FAILURES_PER_ADDRESS))
        tallies = [(*_tally(request, which), limit) for which, limit in rules]
        ends = [
            last + get_cool_off(request) for failures, last, limit in tallies if last and failures >= limit
        ]
        return _seconds_until(request, max(ends)) if ends else 0

    def _delay_s(self, request: HttpRequest, credentials: Credentials) -> float:
        """Seconds to wait because of failures with this name from any address.

        They count from the last failure, or from the first refusal of this address, so that an attacker who
        continues cannot keep the owner waiting.
        """
        failures, last = _tally(request, Q(username=get_client_username(request, credentials)))
        excess = failures - settings.LOGIN_FAILURES_PER_NAME
        if last is None or excess < 0:
            return 0
        delay = timedelta(seconds=NAME_DELAYS_S[min(excess, len(NAME_DELAYS_S) - 1)])
        since = min(last, self._refused_at(request, credentials) or last, _now(request))
        return _seconds_until(request, since + delay)

    def _refused_at(self, request: HttpRequest, credentials: Credentials) -> datetime | None:
        """Time of the first refusal of this name and address since their last failure."""
        _, failed_at = _tally(request, _pair(request, credentials))
        refusals = AccessFailureLog.objects.filter(
            _pair(request, credentials), _recent(request), locked_out=True
        )
        if failed_at:
            refusals = refusals.filter(attempt_time__gt=failed_at)
        found: datetime | None = refusals.aggregate(Min("attempt_time"))["attempt_time__min"]
        return found


def attempted_name(request: HttpRequest, credentials: Credentials = None) -> str | None:
    """The name that was entered, cut to the length that axes can store. No account has a longer one."""
    name: str | None = (credentials or request.POST).get("username")
    return name and name[:MAX_NAME_LENGTH]


def refusal(request: HttpRequest, response: HttpResponse, credentials: Credentials) -> HttpResponse:
    """The page that says how long to wait, the same whether or not the account exists."""
    wait_s = max(1, math.ceil(AxesProxyHandler.get_implementation().wait_s(request, credentials)))
    context = {
        "layout": "base.html",
        "title": "Too many attempts to sign in",
        "detail": f"Please wait {duration(wait_s)}, then try again.",
        "back": request.get_full_path(),
        "back_label": "Back to sign in",
    }
    page = render(request, "error.html", context, status=429)
    page["Retry-After"] = str(wait_s)
    page["Cache-Control"] = "no-store"
    return page


def delete_old_refusals() -> None:
    """Deletes refusals that are older than REFUSALS_EXPIRE_AFTER."""
    expired = timezone.now() - REFUSALS_EXPIRE_AFTER
    AccessFailureLog.objects.filter(attempt_time__lt=expired, locked_out=True).delete()


def _now(request: HttpRequest) -> datetime:
    now: datetime = request.axes_attempt_time  # type: ignore[attr-defined]
    return now


def _address(request: HttpRequest) -> str | None:
    address: str | None = request.axes_ip_address  # type: ignore[attr-defined]
    return address


def _pair(request: HttpRequest, credentials: Credentials) -> Q:
    return Q(username=get_client_username(request, credentials), ip_address=_address(request))


def _recent(request: HttpRequest) -> Q:
    now = _now(request)
    return Q(attempt_time__range=(now - get_cool_off(request), now + CLOCK_SKEW))


def _tally(request: HttpRequest, which: Q) -> tuple[int, datetime | None]:
    """Number of recent failures, and the time of the last one.

    A row counts all failures since its first one, so they expire a little late for an address that fails
    every few minutes.
    """
    found = AccessAttempt.objects.filter(which, _recent(request)).aggregate(
        failures=Sum("failures_since_start"), last=Max("attempt_time")
    )
    return found["failures"] or 0, found["last"]


def _seconds_until(request: HttpRequest, moment: datetime) -> float:
    return max(0.0, (moment - _now(request)).total_seconds())
