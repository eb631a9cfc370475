"""Pages of the admin where people decide: all of a desk needs one permission, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from .read_only import ReadOnlyAdmin

View = Callable[..., HttpResponseBase]


class DeskAdmin(ReadOnlyAdmin):
    """The pages in `get_urls`, each `guarded`. permission: such as `catalog.review_suggestion`."""

    permission: ClassVar[str]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)

    def guarded(self, view: View) -> Any:
        """The view for those who have the permission: others log in first, or are told what they lack."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied(f"This page needs the permission {self.permission}.")
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(checked)
