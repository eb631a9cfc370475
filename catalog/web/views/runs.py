"""Runs: their list, progress and errors, and starting, retrying and cancelling them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRefresh

from catalog.models import Run, RunItem
from catalog.runs import kinds, lifecycle
from catalog.shared_files import exists
from catalog.titles.report import listing_path
from catalog.web.brief_cache import briefly

RUNS_PER_PAGE = 25
ITEMS_PER_PAGE = 50
# Progress is announced to screen readers in steps of this many percent.
ANNOUNCE_EVERY = 25
# Rows of an import that were not imported; its CSV file lists them all.
ROWS_SHOWN = 10
# Counts of an import: name, label, and whether a zero is shown.
IMPORT_COUNTS = (
    ("created", "Created", True),
    ("changed", "Changed", True),
    ("unchanged", "Unchanged", True),
    ("merged", "Merged", False),
    ("posters", "Posters stored", False),
    ("repeated", "Repeated", False),
    ("conflicting", "Conflicting", True),
    ("rejected", "Rejected", True),
)


class AuthenticatedRequest(HttpRequest):
    """The request of a view that requires a permission."""

    user: AbstractBaseUser  # type: ignore[assignment]


def staff_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Redirects other users to the login page. A page that polls after its session ended is reloaded."""
    guarded = staff_member_required(view, login_url="admin:login")

    @never_cache
    @wraps(view)
    def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.htmx and not request.user.is_staff:  # type: ignore[attr-defined]
            return HttpResponseClientRefresh()
        return guarded(request, *args, **kwargs)

    return guard


@require_safe
@staff_only
@vary_on_headers("HX-Request", "HX-Target")
def run_list(request: HttpRequest) -> HttpResponse:
    paginator = Paginator(Run.objects.select_related("asked_by"), RUNS_PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "pages": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "any_live": any(run.is_live for run in page),
    }
    if request.htmx.target == "run-list":  # type: ignore[attr-defined]
        return render(request, "catalog/partials/run_list.html", context)
    startable = kinds.startable_by(request.user)
    outstanding = briefly("outstanding", lifecycle.outstanding) if startable else {}
    context["startable"] = [
        (kind.name, kind.label, kind.hint, outstanding.get(kind.name)) for kind in startable
    ]
    return render(request, "catalog/runs.html", context)


@require_safe
@staff_only
@vary_on_headers("HX-Request", "HX-Target")
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run.objects.select_related("asked_by", "previous", "retry_of", "follower"), pk=pk)
    if request.htmx.target == "run-progress":  # type: ignore[attr-defined]
        response = render(
            request, "catalog/partials/run_progress.html", {"run": run, **announcement(request, run)}
        )
        if not run.is_live:
            response["HX-Trigger"] = "run-over"
        return response
    if run.kind == Run.IMPORT:
        counts = run.params.get("counts", {})
        rows = [*run.params.get("conflicting", []), *run.params.get("rejected", [])]
        context = {
            "run": run,
            # PostgreSQL does not keep the order of JSON keys. Runs of earlier versions have no counts.
            "figures": [
                (label, counts[name])
                for name, label, is_always_shown in IMPORT_COUNTS
                if name in counts and (counts[name] or is_always_shown)
            ],
            "rows": rows[:ROWS_SHOWN],
            "has_list": exists(listing_path(run)) and request.user.has_perm("catalog.view_run"),
            **announcement(request, run),
        }
        return render(request, "catalog/run_import.html", context)
    tally = dict(run.items.order_by().values_list("state").annotate(Count("pk")))
    listed = sum(tally.values())
    # In other runs, fewer items than the total mean that movies were deleted.
    is_incomplete = run.state == Run.State.CANCELLED or run.chunks.exists()
    shown = request.GET.get("state", "")
    shown = shown if shown in RunItem.State.values else ""
    items = run.items.select_related("movie", "poster__movie").order_by("pk")
    paginator = Paginator(items.filter(state=shown) if shown else items, ITEMS_PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    return render(
        request,
        "catalog/run.html",
        {
            "run": run,
            "page": page,
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
            "shown": shown,
            "all_items": listed,
            "not_listed": run.total - listed if is_incomplete and not shown and not page.has_next() else 0,
            "tally": [(state.value, state.label, tally[state]) for state in RunItem.State if state in tally],
            **announcement(request, run),
        },
    )


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The home page's banner with the progress of live runs. It only has counts, so it is public.

    With `?watched` the page has shown live runs before, and the response says when they have finished. It is
    rendered at most once a second for all visitors.
    """
    context = {"is_staff": request.user.is_staff, "watched": "watched" in request.GET}

    def banner() -> str:
        live_runs = list(lifecycle.live_runs())
        return render_to_string("catalog/partials/live_runs.html", context | {"live_runs": live_runs})

    name = f"live-runs-{context['is_staff']}-{context['watched']}"
    return HttpResponse(briefly(name, banner, seconds=1))


def announcement(request: HttpRequest, run: Run) -> dict[str, object]:
    """The step of the progress for screen readers, whether to announce it, and what the user may do."""
    step = run.percent // ANNOUNCE_EVERY * ANNOUNCE_EVERY if run.is_live else 100
    is_new = request.GET.get("announced", "") != str(step)
    return {
        "step": step,
        "announce": request.htmx and is_new,  # type: ignore[attr-defined]
        "may_cancel": kinds.may_cancel(request.user, run.kind),
        "may_retry": kinds.may_start(request.user, run.kind),
    }


@require_POST
def start(request: AuthenticatedRequest) -> HttpResponse:
    if not kinds.startable_by(request.user):
        raise PermissionDenied(f"Starting runs needs the permission {kinds.START_PERMISSION}.")
    try:
        run = lifecycle.start_for_user(request.POST.get("kind", ""), request.user)
    except lifecycle.RunError as error:
        messages.error(request, str(error))
        return redirect("catalog:runs")
    return redirect(run)


@require_POST
def retry(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if not kinds.may_start(request.user, run.kind):
        raise PermissionDenied(f"Retrying this run needs the permission {kinds.permission_of(run.kind)}.")
    try:
        return redirect(lifecycle.retry_failed(run, asked_by=request.user))
    except lifecycle.RunError as error:
        messages.error(request, str(error))
        return redirect(run)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    if not kinds.may_cancel(request.user, run.kind):
        raise PermissionDenied(f"Cancelling this run needs the permission {kinds.permission_of(run.kind)}.")
    try:
        lifecycle.cancel(run)
    except lifecycle.RunError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{run} is cancelled. Finished items are kept.")
    return redirect(run)
