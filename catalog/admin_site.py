"""The admin's own order: the film catalogue first, who may sign in after it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class PostersiteAdminSite(AdminSite):
    """Stock admin under our name, with the catalogue before accounts and sign-in records."""

    site_header = "Postersite"
    site_title = "Postersite admin"
    index_title = "Behind the scenes"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: app["app_label"] != "catalog")


class PostersiteAdminConfig(AdminConfig):
    """Makes ours the default site, so that every app's admin registers with it."""

    default_site = "catalog.admin_site.PostersiteAdminSite"
