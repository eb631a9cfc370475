"""Who may use an admin page: read-only models, and pages that need a single permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]


def person(request: HttpRequest) -> AbstractBaseUser:
    """The signed-in user. Admin views are closed to others; this tells it to the type checker."""
    return cast(AbstractBaseUser, request.user)


class ReadOnlyAdmin(admin.ModelAdmin):
    """A list and a page for each row, without adding, changing or deleting."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PermissionAdmin(ReadOnlyAdmin):
    """Pages that need one permission and no other. `get_urls` passes each view through `guarded`.

    permission: for example `catalog.review_suggestion`.
    """

    permission: ClassVar[str]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)

    def guarded(self, view: View) -> Any:
        """The view for users with the permission. Others sign in first, or get a 403 that names it."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied(f"This page needs the permission {self.permission}.")
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(checked)
