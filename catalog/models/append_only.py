"""Append-only models: records of what people decided."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class AppendOnlyError(TypeError):
    """Raised when code tries to change or delete a row of an append-only table."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise _error(self.model, "changed; record a new one")

    def delete(self) -> NoReturn:
        raise _error(self.model, "deleted")


class AppendOnly(models.Model):
    """A model whose rows can be added, but not changed or deleted. The database enforces it with triggers."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not self._state.adding:
            raise _error(type(self), "changed; record a new one")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise _error(type(self), "deleted")


def _error(model: type[models.Model], change: str) -> AppendOnlyError:
    return AppendOnlyError(f"{str(model._meta.verbose_name_plural).capitalize()} are never {change}.")
