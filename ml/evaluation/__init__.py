"""Measure extractors and genre models on a labelled set, and write a report.

`python -m ml.evaluation` and `manage.py evaluate` run it. Other packages may use `command` (options and
command line), `candidates` (what can be evaluated by name), `genre_models` (reading one), `vectors`,
`evaluate` and `errors`.

An evaluation goes through the modules in this order: `candidates` and `genre_models`, `vectors`,
`recipe_training` (with `--fit`), `genre_figures` and `evidence_figures`, `slices`, `duplicates` (with
`--duplicates`), `report` and `plots`. `evaluate` calls them, with its `options`.
"""
