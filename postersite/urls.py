"""Every address of the site: public pages, the JSON API, and Django admin."""

from django.contrib import admin
from django.urls import include, path

from catalog.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("catalog.urls")),
]
handler400 = "catalog.views.errors.bad_request"
handler403 = "catalog.views.errors.forbidden"
handler404 = "catalog.views.errors.not_found"
handler500 = "catalog.views.errors.server_error"
