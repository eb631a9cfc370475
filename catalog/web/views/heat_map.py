"""Where the model sees a suggested genre: a page, the same for a script, and the picture for the poster."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from catalog.genres import explanations
from catalog.models import Suggestion

# What a movie's page shows to everybody; what was rejected or gave way is for reviewers.
PUBLIC = (Suggestion.State.PENDING, Suggestion.State.ACCEPTED)


@never_cache
@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    suggestion = _suggestion(request, pk)
    context: dict[str, Any] = {"suggestion": suggestion, "movie": suggestion.movie}
    try:
        explanation = explanations.explain(suggestion)
    except explanations.CannotExplain as error:
        context["problem"] = str(error)
    else:
        context |= {"explanation": explanation, "overlay": _overlay(explanation)}
    return render(request, "catalog/heat_map.html", context)


@never_cache
@require_safe
def told(request: HttpRequest, pk: int) -> JsonResponse:
    """What heat_maps.js draws: the overlay, the poster it belongs to, and the words; or the problem."""
    suggestion = _suggestion(request, pk)
    try:
        explanation = explanations.explain(suggestion)
    except explanations.CannotExplain as error:
        return JsonResponse({"problem": str(error)}, status=404)
    poster = explanation.poster
    return JsonResponse(
        {
            "sentence": explanation.sentence,
            "caption": explanation.caption,
            "overlay": _overlay(explanation),
            "poster": {
                "sha256": poster.sha256,
                "url": poster.medium.url,
                "width": poster.width,
                "height": poster.height,
            },
        }
    )


@require_safe
def picture(request: HttpRequest, pk: int) -> HttpResponse:
    """The overlay as PNG. At an address with its version, as pages give it, it never goes stale."""
    suggestion = _suggestion(request, pk)
    try:
        explanation = explanations.explain(suggestion)
    except explanations.CannotExplain as error:
        return HttpResponseNotFound(str(error), content_type="text/plain; charset=utf-8")
    etag = f'"{explanation.version}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = HttpResponse(explanation.picture(), content_type="image/png")
    response["ETag"] = etag
    whose = "public" if suggestion.state in PUBLIC else "private"
    lasting = request.GET.get("v") == explanation.version
    response["Cache-Control"] = f"{whose}, max-age=31536000, immutable" if lasting else f"{whose}, max-age=60"
    return response


def _suggestion(request: HttpRequest, pk: int) -> Suggestion:
    wanted = Suggestion.objects.select_related("movie", "genre", "model__extractor")
    suggestion = get_object_or_404(wanted, pk=pk)
    if suggestion.state not in PUBLIC and not request.user.has_perm("catalog.review_suggestion"):
        raise Http404("There is no such suggestion.")
    return suggestion


def _overlay(explanation: explanations.Explanation) -> str:
    address = reverse("catalog:heat_map_picture", args=[explanation.suggestion.pk])
    return f"{address}?v={explanation.version}"
