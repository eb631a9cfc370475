"""Train the extractor `postersite`: one MobileNetV2 for look-alikes and genres.

`python -m ml.extractor_training` and `manage.py train_extractor` run it. Other packages may use `command`
(options and command line), `training` (`TrainingRequest`, `train_extractor`), `plan` and `errors`.

A run goes through the modules in this order: `splits` (train, validation and test posters), `training_data`
(decoded posters and batches), `network`, `initial_weights`, `loop` and `learner` (training steps),
`validation`, `trained_network` (arrays and final transform), `bundle` (files that a site uses).
"""
