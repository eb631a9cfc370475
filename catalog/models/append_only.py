"""Rows that are written once: records of what people decided."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class AppendOnlyError(TypeError):
    """Raised when code tries to change or delete what a person decided."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise _never(self.model, "changed; record a new one")

    def delete(self) -> NoReturn:
        raise _never(self.model, "deleted")


class AppendOnly(models.Model):
    """A model whose rows Python code can add, and neither change nor delete."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not self._state.adding:
            raise _never(type(self), "changed; record a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _never(type(self), "deleted")


def _never(model: type[models.Model], what: str) -> AppendOnlyError:
    return AppendOnlyError(f"{str(model._meta.verbose_name_plural).capitalize()} are never {what}.")
