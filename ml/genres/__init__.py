"""Genre models: a head on frozen features, or a model over all evidence; training, metrics, explanations.

Scoring: `head` (the model in numpy), `head_file` (its files), `thresholds`, `explanations` (class activation
maps), `evidence` (poster, title, year and overview together). Training: `recipes` and `training_set`
(settings and data), `training` (`train`, `train_on` and `python -m ml.genres.training`), which uses
`dense_training` (Keras), `logistic_training` or `evidence`. Measuring: `metrics`, `scorecard`, `held_out`,
`audit`, `splitting`. Other packages may use all of these.
"""
