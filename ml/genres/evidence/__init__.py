"""Genre models over everything the catalogue knows of a film: poster, title, year and overview.

Scoring needs numpy only: `films` (what is known), `text` (n-grams), `year`, `fusion`, `model` (scores,
thresholds, contributions) and `model_file` (files, also those of a head over posters alone).
"""
