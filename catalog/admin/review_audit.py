"""The audit in Django admin: tagged movies whose genres the evidence contradicts, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from catalog.genres import assignment, audit
from catalog.models import AuditFinding, Run

from . import one_at_a_time
from .model_admin import PermissionAdmin, current_user, numbers, page_context

SKIPPED = "audit_skipped"


@dataclass(frozen=True)
class Button:
    """One of the things that can be done. `key`: on the keyboard. `verdict`: "accept", "reject" or "edit"."""

    choice: str
    label: str
    key: str
    verdict: str


class AuditPages(PermissionAdmin):
    """The page of the audit and its decisions."""

    def audit_urls(self) -> list[URLPattern]:
        return [
            path("audit/", self.guarded(require_GET(self.audit_view)), name="catalog_reviewqueue_audit"),
            path(
                "audit/decide/",
                self.guarded(require_POST(self.audit_decide_view)),
                name="catalog_reviewqueue_audit_decide",
            ),
            path(
                "audit/undo/",
                self.guarded(require_POST(self.audit_undo_view)),
                name="catalog_reviewqueue_audit_undo",
            ),
        ]

    def audit_view(self, request: HttpRequest) -> HttpResponse:
        """The movie that `movie` names, or else the most contradicted one that nobody else has open."""
        waiting = AuditFinding.objects.waiting()
        pk = one_at_a_time.next_movie(request, waiting.values("movie_id"), SKIPPED)
        shown = waiting.filter(movie=pk).select_related("model", "wrong", "missing") if pk else waiting.none()
        finding = shown.prefetch_related("movie__posters", "movie__movie_genres__genre").first()
        context = {
            **page_context(self, request, "Audit"),
            "finding": finding,
            "movie": finding.movie if finding else None,
            "buttons": _buttons(finding) if finding else [],
            "waiting": waiting.count(),
            "others": assignment.reserved_by_others(current_user(request)),
            "last_run": Run.objects.filter(kind="audit").order_by("-pk").first(),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/audit.html", context)

    def audit_decide_view(self, request: HttpRequest) -> HttpResponse:
        """Keep or change the genres of the movie, as `choice` says, or skip it."""
        found = AuditFinding.objects.filter(movie__in=numbers([request.POST.get("movie", "")]))
        finding = found.select_related("movie", "wrong", "missing").first()
        if finding is None:
            messages.warning(request, "This movie is no longer listed. Nothing was saved.")
            return redirect("admin:catalog_reviewqueue_audit")
        reviewer, choice = current_user(request), request.POST.get("choice", "")
        if choice == "skip":
            one_at_a_time.skip(request, finding.movie_id, SKIPPED)
            messages.info(request, f"{finding.movie}: skipped.")
        elif choice not in audit.choices(finding):
            return HttpResponse("There is no such choice.", status=400, content_type="text/plain")
        else:
            # What the page showed: another audit may have found something else meanwhile.
            finding.digest = request.POST.get("seen", "")
            try:
                audit.decide(finding, choice, reviewer)
            except (audit.NotWaiting, KeyError):
                messages.warning(request, f"{finding.movie}: somebody else was faster. Nothing was saved.")
            else:
                messages.success(request, f"{finding.movie}: {_sentence(finding, choice)}.")
        assignment.release(reviewer, [finding.movie_id])
        return redirect("admin:catalog_reviewqueue_audit")

    def audit_undo_view(self, request: HttpRequest) -> HttpResponse:
        """Undo what the reviewer decided last in the audit, and show that movie."""
        finding = audit.undo_last(current_user(request))
        if finding is None:
            messages.info(request, "There is nothing to undo.")
            return redirect("admin:catalog_reviewqueue_audit")
        messages.info(request, f"{finding.movie}: undone.")
        return redirect(f"{reverse('admin:catalog_reviewqueue_audit')}?movie={finding.movie_id}")


def _buttons(finding: AuditFinding) -> list[Button]:
    """What can be done. `a` accepts what the evidence says, `x` rejects it."""
    possible = audit.choices(finding)
    labels = {
        "replace": f"Replace {finding.wrong} with {finding.missing}",
        "add": f"Add {finding.missing}",
        "remove": f"Remove {finding.wrong}",
        "keep": "Keep the genres",
    }
    first = next(choice for choice in ("replace", "add", "remove") if choice in possible)
    keys = {"add": "+", "remove": "-", first: "a", "keep": "x"}
    verdicts = {first: "accept", "keep": "reject"}
    return [
        Button(choice, label, keys[choice], verdicts.get(choice, "edit"))
        for choice, label in labels.items()
        if choice in possible
    ]


def _sentence(finding: AuditFinding, choice: str) -> str:
    """What was done."""
    return {
        "replace": f"{finding.wrong} replaced with {finding.missing}",
        "add": f"{finding.missing} added",
        "remove": f"{finding.wrong} removed",
        "keep": "genres kept",
    }[choice]
