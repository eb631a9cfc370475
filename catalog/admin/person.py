"""Who is asking: admin lets nobody in who is not signed in, and this says so to the type checker."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest


def person(request: HttpRequest) -> AbstractBaseUser:
    """The signed-in person behind a request to an admin view."""
    return cast(AbstractBaseUser, request.user)
