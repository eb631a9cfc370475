"""Pages of Django admin that look like the site: review, duplicates, models and runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse

register = template.Library()

# Raw tables (movies, posters, accounts) keep the look of Django admin.
MODELS = ("reviewqueue", "decisionbatch", "reviewdecision", "duplicategroup", "genremodel", "run")


@dataclass(frozen=True)
class Section:
    """A link below the header for users with these permissions.

    name: of its address; its second word is the model whose pages belong to it. others: of further addresses.
    """

    label: str
    name: str
    permissions: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.name}")


REVIEW = "catalog.review_suggestion"
SECTIONS = (
    Section("Review queue", "catalog_reviewqueue_changelist", (REVIEW,)),
    Section("Accept by picture", "catalog_reviewqueue_accept", (REVIEW, "catalog.accept_in_bulk")),
    Section("Audit", "catalog_reviewqueue_audit", (REVIEW,)),
    Section("Second opinions", "catalog_reviewqueue_second", (REVIEW,), ("catalog_reviewqueue_agreement",)),
    Section("Batches", "catalog_decisionbatch_changelist", (REVIEW,)),
    Section("Decisions", "catalog_reviewdecision_changelist", ("catalog.view_reviewdecision",)),
    Section("Quality", "catalog_reviewqueue_quality", (REVIEW,)),
    Section("Duplicates", "catalog_duplicategroup_changelist", ("catalog.decide_duplicate",)),
    Section("Genre models", "catalog_genremodel_changelist", ("catalog.view_genremodel",)),
    Section("Runs", "catalog_run_changelist", ("catalog.view_run",)),
)


@register.filter
def is_site_page(opts: Any) -> bool:
    """Whether pages of this model (its `_meta`) have the site's header. Other pages have no `opts`."""
    return getattr(opts, "model_name", "") in MODELS


@register.inclusion_tag("admin/sections.html", takes_context=True)
def sections(context: dict[str, Any]) -> dict[str, Any]:
    """The links below the header that the user may follow; the current one is marked."""
    request: HttpRequest = context["request"]
    here = (request.resolver_match and request.resolver_match.url_name) or ""
    allowed = [each for each in SECTIONS if request.user.has_perms(each.permissions)]
    exact = [each for each in allowed if each.name == here]
    below = [each for each in allowed if here in each.others]
    same_model = [each for each in allowed if each.name.split("_")[1] in here.split("_")]
    current = next(iter(exact + below + same_model), None)
    return {"sections": allowed, "current": current, "is_exact": bool(exact)}
