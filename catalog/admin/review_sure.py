"""Accept all sure suggestions: a page with counts and measured precision, then a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from catalog.genres import decision_batches, review
from catalog.genres.review import Selection
from catalog.models import GenreModel

from . import operating_points
from .access import person
from .review_decision import numbers
from .review_filter import QueueFilter

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

EXAMPLES = 8


def sure_view(
    model_admin: ModelAdmin, request: HttpRequest, query: QueryDict, queue_address: str
) -> HttpResponse:
    """GET counts the sure suggestions that the queue's filter leaves, by genre; POST starts to accept them.

    POST accepts no more than GET showed: what a model added since (`last` is the newest shown) has been seen
    by nobody.
    """
    selection = _sure(query)
    if request.method == "POST":
        last = max(numbers([request.POST.get("last", "")]), default=0)
        try:
            batch = decision_batches.start(replace(selection, last=last), person(request))
        except decision_batches.BatchError as error:
            messages.warning(request, str(error))
            return redirect(queue_address)
        return redirect(batch)
    found = selection.suggestions()
    shown: dict[str, Any] = found.aggregate(
        suggestions=Count("pk"), movies=Count("movie", distinct=True), last=Max("pk")
    )
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Accept all sure suggestions",
        **shown,
        "genres": found.order_by().values("genre__name").annotate(number=Count("pk")).order_by("-number"),
        "least_sure": found.select_related("movie", "genre")
        .prefetch_related(review.calibration())
        .order_by("score", "pk")[:EXAMPLES],
        "models": [
            (model, operating_points.sure(model))
            for model in GenreModel.objects.filter(pk__in=found.order_by().values("model"))
        ],
        "back": query.urlencode(),
        "queue_address": queue_address,
    }
    return TemplateResponse(request, "admin/catalog/reviewqueue/sure.html", context)


def _sure(query: QueryDict) -> Selection:
    chosen = QueueFilter(query)
    chosen.is_valid()
    return replace(chosen.selection(), sure=True)
