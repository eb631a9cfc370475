"""The admin site: its name, the catalogue before other apps, and a safe redirect after signing in."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.functional import SimpleLazyObject


class PostersiteAdminSite(AdminSite):
    """Django's admin with our name. The catalogue comes before accounts and sign-in records."""

    site_header = "Postersite"
    site_title = "Postersite admin"
    index_title = "Administration"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        def listed() -> list[Any]:
            apps = super(PostersiteAdminSite, self).get_app_list(request, app_label)
            return sorted(apps, key=lambda app: app["app_label"] != "catalog")

        # Every page of the admin gets the list, and those that look like the site do not show it.
        return cast(list[Any], SimpleLazyObject(listed))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The login page. A `next` that is not a page of the site is replaced by the admin's index."""
        for name in ("GET", "POST"):
            query = getattr(request, name)
            if REDIRECT_FIELD_NAME in query and not _is_page(query[REDIRECT_FIELD_NAME]):
                query = query.copy()
                query[REDIRECT_FIELD_NAME] = ""
                setattr(request, name, query)
        return super().login(request, extra_context)


def _is_page(address: str) -> bool:
    """Whether the address is a page of the site. The admin's catch-all pattern has no name."""
    try:
        return bool(resolve(urlsplit(address).path).url_name)
    except (Resolver404, ValueError):
        return False


class PostersiteAdminConfig(AdminConfig):
    """Makes it the default site, with which every app's admin registers."""

    default_site = "catalog.admin_site.PostersiteAdminSite"
