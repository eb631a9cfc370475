"""Genre models: a head on frozen features, its training, metrics and explanations.

Scoring: `head` (the model in numpy), `head_file` (its files), `thresholds`, `explanations` (class activation
maps). Training: `recipes` and `training_set` (settings and data), `training` (`train`, `train_on` and
`python -m ml.genres.training`), which uses `dense_training` (Keras) or `logistic_training`. Measuring:
`metrics`, `scorecard`, `held_out`, `splitting`. Other packages may use all of these.
"""
