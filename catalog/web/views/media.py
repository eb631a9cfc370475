"""Serves stored pictures (posters and learning curves) from any storage."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

# No other files in the media folder are served.
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
SERVED = re.compile(r"(posters|learning_curves)(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+\.(jpg|png|webp)")
# A poster's name is the hash of its content, so it may be cached forever.
CACHE_FOREVER = "public, max-age=31536000, immutable"
CACHE_A_MINUTE = "public, max-age=60"


@require_safe
def media(request: HttpRequest, name: str) -> HttpResponse | FileResponse:
    known = SERVED.fullmatch(name)
    if not known or ".." in name:
        raise Http404("There is no such picture.")
    try:
        file = default_storage.open(name, "rb")
        # An object of a bucket brings its time along: one request for each picture.
        modified: datetime = getattr(file, "modified", None) or default_storage.get_modified_time(name)
        size = file.size
    except (OSError, ValueError, SuspiciousFileOperation) as error:
        raise Http404("There is no such picture.") from error
    etag = f'"{sha256(f"{name} {size} {modified.timestamp()}".encode()).hexdigest()[:32]}"'
    unchanged = get_conditional_response(request, etag=etag, last_modified=int(modified.timestamp()))
    response: HttpResponse | FileResponse
    if unchanged is not None:
        file.close()
        response = unchanged
    else:
        response = FileResponse(file, content_type=CONTENT_TYPES[known[3]])
        response["Content-Length"] = str(size)
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified.timestamp())
    response["Cache-Control"] = CACHE_FOREVER if known[1] == "posters" else CACHE_A_MINUTE
    return response
