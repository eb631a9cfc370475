"""Heat maps of suggestions: a page, the data for heat_maps.js, and the overlay as a picture."""

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

# Shown to everybody on a movie's page. Rejected and superseded suggestions are for reviewers.
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
        context |= {"explanation": explanation, "overlay": _overlay_url(explanation)}
    return render(request, "catalog/heat_map.html", context)


@never_cache
@require_safe
def data(request: HttpRequest, pk: int) -> JsonResponse:
    """For heat_maps.js: the overlay's URL, the poster it belongs to, and the text; or the problem."""
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
            "overlay": _overlay_url(explanation),
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
    """The overlay as PNG. With `?v=` and its version, as pages link to it, it may be cached forever."""
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
    scope = "public" if suggestion.state in PUBLIC else "private"
    immutable = request.GET.get("v") == explanation.version
    response["Cache-Control"] = (
        f"{scope}, max-age=31536000, immutable" if immutable else f"{scope}, max-age=60"
    )
    return response


def _suggestion(request: HttpRequest, pk: int) -> Suggestion:
    suggestions = Suggestion.objects.select_related("movie", "genre", "model__extractor")
    suggestion = get_object_or_404(suggestions, pk=pk)
    if suggestion.state not in PUBLIC and not request.user.has_perm("catalog.review_suggestion"):
        raise Http404("There is no such suggestion.")
    return suggestion


def _overlay_url(explanation: explanations.Explanation) -> str:
    address = reverse("catalog:heat_map_picture", args=[explanation.suggestion.pk])
    return f"{address}?v={explanation.version}"
