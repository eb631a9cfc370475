"""The former name of `ml.extractor_training`; only `python -m ml.eyes.training` still works."""
