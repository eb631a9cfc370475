"""Application configuration of the catalogue."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Film catalogue"

    def ready(self) -> None:
        from . import checks, signal_handlers  # noqa: F401  importing registers them
