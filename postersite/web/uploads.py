"""Which requests may upload a picture, and therefore have a large body."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.urls import Resolver404, resolve

from catalog.accounts.sessions import SessionLimitsMiddleware

UPLOAD_VIEWS = {"admin:catalog_movie_add", "admin:catalog_movie_change"}


def takes_pictures(path: str) -> bool:
    """True when the page at ``path`` has a form in which a picture is uploaded."""
    try:
        return resolve(path).view_name in UPLOAD_VIEWS
    except Resolver404:
        return False


def is_staff(cookies: str) -> bool:
    """True when ``cookies``, a Cookie header, has the session of an active member of staff.

    Queries the database. The page itself still checks the permission.
    """
    request = HttpRequest()
    request.COOKIES = parse_cookie(cookies)
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    try:
        SessionLimitsMiddleware(lambda _: HttpResponse()).process_request(request)
        return request.user.is_active and request.user.is_staff
    finally:
        close_old_connections()
