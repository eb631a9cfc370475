"""Session lifetime: two hours without a request, and twelve hours after signing in."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.functional import SimpleLazyObject

SIGNED_IN_AT = "signed_in_at"
ACTIVE_COOKIE = "postersite_active"
ACTIVE_SALT = "catalog.accounts.sessions"
# The idle limit is inexact by this much, so that not every response sets a cookie.
RENEW_AFTER_S = 300


@receiver(user_logged_in)
def note_time(request: HttpRequest, **_: Any) -> None:
    request.session[SIGNED_IN_AT] = time.time()


class SessionLimitsMiddleware(AuthenticationMiddleware):
    """Django's authentication, which also ends sessions that are idle or too old.

    The time of the last request is stored in a signed cookie, not in the session, so that reading a page does
    not write to the database.
    """

    def process_request(self, request: HttpRequest) -> None:
        request.user = SimpleLazyObject(lambda: _current_user(request))  # type: ignore[assignment]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        # A response that did not use the user is the same for everybody and may be cached.
        if not hasattr(request, "_cached_user") or not request.user.is_authenticated:
            return response
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        # Polling by an open page does not count as activity of its user.
        polls = request.method == "GET" and "HX-Request" in request.headers
        if not polls and not _was_active(request, RENEW_AFTER_S):
            response.set_signed_cookie(
                ACTIVE_COOKIE,
                str(_signed_in_at(request)),
                salt=ACTIVE_SALT,
                max_age=settings.SESSION_IDLE_S,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


def delete_expired() -> None:
    """Deletes expired sessions."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _current_user(request: HttpRequest) -> AbstractBaseUser | AnonymousUser:
    user = get_user(request)
    if user.is_authenticated and not _is_live(request):
        # The row is deleted later by `delete_expired`, so that reading a page does not write.
        request.session = type(request.session)()
        request._cached_user = user = AnonymousUser()  # type: ignore[attr-defined]
    return user


def _is_live(request: HttpRequest) -> bool:
    age_s = time.time() - _signed_in_at(request)
    return age_s <= settings.SESSION_COOKIE_AGE and _was_active(request, settings.SESSION_IDLE_S)


def _was_active(request: HttpRequest, within_s: int) -> bool:
    """Whether the session began, or its cookie was renewed, within the last `within_s` seconds."""
    if time.time() - _signed_in_at(request) <= within_s:
        return True
    cookie = request.get_signed_cookie(ACTIVE_COOKIE, default=None, salt=ACTIVE_SALT, max_age=within_s)
    return cookie == str(_signed_in_at(request))


def _signed_in_at(request: HttpRequest) -> float:
    """Seconds since 1970; 0 for sessions of earlier versions, which did not store it."""
    signed_in_at: float = request.session.get(SIGNED_IN_AT, 0)
    return signed_in_at
