"""Train the extractor `postersite`: one MobileNetV2 for look-alikes and genres.

`python -m ml.extractor_training` and `manage.py train_extractor` run it. Other packages may use `command`
(options and command line), `training` (`TrainingRequest`, `train_extractor`), `plan` and `errors`.

A run goes through the modules in this order: `posters`, `splits` and `further` (train, validation, test and
further posters), `training_data` (decoded posters and batches), `network`, `initial_weights`, `teacher`,
`loop` and `learner` (training steps), `validation`, `trained_network` (arrays and final transform), `bundle`
(files that a site uses). `evidence` is a command of its own.
"""
