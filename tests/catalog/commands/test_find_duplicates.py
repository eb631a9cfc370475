"""`manage.py find_duplicates`: reports what was compared and how many groups are open."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.catalog.posters.pictures import showing

pytestmark = pytest.mark.django_db


def output(*arguments: str) -> str:
    out = StringIO()
    call_command("find_duplicates", *arguments, stdout=out)
    return out.getvalue()


def test_new_posters_are_compared_once_and_all_of_them_on_demand():
    showing(0, 1), showing(0, 2, imdb_id=None, tmdb_id=None), showing(1, 3)
    first = output()
    assert "3 done, 0 failed." in first and "1 open group of duplicates" in first
    assert "Nothing to do" in output()
    assert "3 done, 0 failed." in output("--all")


def test_without_vectors_it_says_what_to_do():
    with pytest.raises(CommandError, match="embed posters first"):
        output()
