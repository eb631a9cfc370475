"""Base classes of model admins: read-only, pages that need a single permission, search by movie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase

from catalog import search
from catalog.models import Movie

View = Callable[..., HttpResponseBase]
BULK_PERMISSION = "catalog.accept_in_bulk"


def current_user(request: HttpRequest) -> AbstractBaseUser:
    """The signed-in user, typed: admin views require one."""
    return cast(AbstractBaseUser, request.user)


def numbers(values: Iterable[str]) -> set[int]:
    """The primary keys among form values. Other values are ignored."""
    return {int(value) for value in values if value.isdecimal() and len(value) < 19}


def paginated(request: HttpRequest, rows: Any, per_page: int, count: int | None = None) -> dict[str, Any]:
    """`page` and `pages` for page_numbers.html. count: the number of rows, if it is known."""
    paginator = Paginator(rows, per_page)
    if count is not None:
        paginator.count = count
    page = paginator.get_page(request.GET.get("page"))
    return {"page": page, "pages": paginator.get_elided_page_range(page.number, on_each_side=2)}


def page_context(model_admin: admin.ModelAdmin, request: HttpRequest, title: str) -> dict[str, Any]:
    """The template variables of every page in the admin."""
    return {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, "title": title}


class ReadOnlyAdmin(admin.ModelAdmin):
    """A list and a page for each row, without adding, changing or deleting."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PermissionAdmin(ReadOnlyAdmin):
    """Pages that need one permission and no other. `get_urls` wraps each view in `guarded`.

    permission: for example `catalog.review_suggestion`.
    """

    permission: ClassVar[str]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self.permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(self.permission)

    def guarded(self, view: View, also: str = "") -> Any:
        """The view for users with the permission. Others must sign in, or get a 403 that names it.

        also: a second permission that this view needs.
        """

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            for permission in filter(None, (self.permission, also)):
                if not request.user.has_perm(permission):
                    raise PermissionDenied(f"This page needs the permission {permission}.")
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(checked)


class MovieSearchAdmin(admin.ModelAdmin):
    """Searches by movie, as the site does, and by `search_fields`. Movies are ordered by best match."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        found = search.find(search_term)
        if self.model is Movie:
            rows = queryset.filter(found.where) if "o" in request.GET else found.best_first(queryset)
        else:
            others, _ = super().get_search_results(request, queryset, search_term)
            by_other = Q(pk__in=others.order_by().values("pk"))
            if found.corrected and others.exists():
                return queryset.filter(by_other), False
            movies = found.movies.order_by().values("pk")
            # Decisions stay with the movie that was merged into another.
            rows = queryset.filter(by_other | Q(movie__in=movies) | Q(movie__merged_into__in=movies))
        url_name = request.resolver_match.url_name if request.resolver_match else ""
        if found.corrected and request.method == "GET" and str(url_name).endswith("_changelist"):
            messages.info(request, f"Showing results for {found.corrected}.")
        return rows, False
