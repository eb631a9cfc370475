"""Application configuration of the catalogue."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Film catalogue"

    def ready(self) -> None:
        from . import checks  # noqa: F401  registers the system checks
