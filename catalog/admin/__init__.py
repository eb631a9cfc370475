"""Django admin: the catalogue behind the scenes, and where suggestions are reviewed."""

from django.contrib import admin

from . import extractor, genre, genre_model, movie, poster, review_queue, run, suggestion

__all__ = ["extractor", "genre", "genre_model", "movie", "poster", "review_queue", "run", "suggestion"]

admin.site.site_header = "Postersite"
admin.site.site_title = "Postersite admin"
admin.site.index_title = "Behind the scenes"
