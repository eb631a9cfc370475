"""Nothing of the catalogue is forgotten: every table is exported or left out for a reason."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import BinaryField, Model

from catalog.models import Embedding
from catalog.transfer.columns import LEFT_OUT, TABLES, fields_of
from catalog.transfer.values import KINDS

MODELS = [model for model in apps.get_app_config("catalog").get_models() if not model._meta.proxy]


def test_every_table_is_exported_or_left_out_with_a_reason() -> None:
    names = {model._meta.object_name for model in MODELS}
    exported = {model._meta.object_name for model in TABLES.values()}
    assert names - exported - set(LEFT_OUT) == set()
    assert exported & set(LEFT_OUT) == set()
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("model", TABLES.values(), ids=list(TABLES))
def test_every_column_is_exported_but_vectors_and_what_leads_to_what_is_left_out(model: type[Model]) -> None:
    exported = fields_of(model)
    for column in model._meta.concrete_fields:
        if column in exported:
            assert any(isinstance(column, known) for known, _ in KINDS)
        elif isinstance(column, BinaryField):
            assert model is Embedding  # elsewhere it would be lost
        else:
            assert column.null  # it is restored as nothing


def test_what_a_row_refers_to_is_restored_before_it_or_is_of_its_own_table() -> None:
    restored: list[type[Model]] = []
    for model in TABLES.values():
        restored.append(model)
        for column in fields_of(model):
            if column.is_relation and column.related_model in TABLES.values():
                assert column.related_model in restored
