"""The admin's own order: the film catalogue first, who may sign in after it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve


class PostersiteAdminSite(AdminSite):
    """Stock admin under our name, with the catalogue before accounts and sign-in records."""

    site_header = "Postersite"
    site_title = "Postersite admin"
    index_title = "Behind the scenes"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: app["app_label"] != "catalog")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login page, which drops a `next` that leads nowhere: the admin's index is shown then."""
        for name in ("GET", "POST"):
            query = getattr(request, name)
            if REDIRECT_FIELD_NAME in query and not _is_page(query[REDIRECT_FIELD_NAME]):
                query = query.copy()
                query[REDIRECT_FIELD_NAME] = ""
                setattr(request, name, query)
        return super().login(request, extra_context)


def _is_page(address: str) -> bool:
    """True when a page of ours is at that address; the admin's catch-all has no name."""
    try:
        return bool(resolve(urlsplit(address).path).url_name)
    except (Resolver404, ValueError):
        return False


class PostersiteAdminConfig(AdminConfig):
    """Makes ours the default site, so that every app's admin registers with it."""

    default_site = "catalog.admin_site.PostersiteAdminSite"
