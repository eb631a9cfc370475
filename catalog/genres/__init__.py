"""Genres of movies: names, suggestions and the models that make them.

Others may use `names` (canonical spelling, rows), `suggestions` (by the active model), `review` (the queue
and decisions on suggestions), `decision_batches` (accept many, undo), `explanations` (heat maps), `training`,
`model_comparison` (with the bundled model), `promotion` (of models) and `bundled` (installing the bundled
model). `training_data` is private to the package.
"""
