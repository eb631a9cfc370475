"""Application configuration of the catalogue."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Film catalogue"

    def ready(self) -> None:
        from . import checks, signal_handlers  # noqa: F401  importing registers them
        from .accounts import sessions  # noqa: F401
        from .runs import kinds

        kinds.discover()

        pre_migrate.connect(signal_handlers.drop_triggers_before_migrations, sender=self)
        post_migrate.connect(signal_handlers.create_triggers_after_migrations, sender=self)
        post_migrate.connect(signal_handlers.prepare_search_after_migrations, sender=self)
        post_migrate.connect(signal_handlers.prepare_vectors_after_migrations, sender=self)
