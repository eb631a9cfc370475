"""Find, fetch, store and refresh posters, and choose which one a movie shows.

Others use `primary` (store and choose posters, process changes), `rejections` (pictures that are not stored),
`source_settings`, `lookup.poster_url_error`, `failing_hosts`, `selection` (runs that start by themselves) and
`sources.registry.POSTER_SOURCES`. `run_kinds` registers the runs `scrape` and `refresh`.
"""
