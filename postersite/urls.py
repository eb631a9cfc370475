"""Every address of the site: public pages, the JSON API, and Django admin."""

from django.contrib import admin
from django.urls import include, path

from catalog.web.api import api

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("", include("catalog.web.urls")),
]
handler400 = "catalog.web.views.errors.bad_request"
handler403 = "catalog.web.views.errors.forbidden"
handler404 = "catalog.web.views.errors.not_found"
handler500 = "catalog.web.views.errors.server_error"
