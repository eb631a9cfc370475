"""What a training of the extractor cannot go on from."""


class TrainingError(ValueError):
    """The extractor cannot be trained; the message says what stands in its way and what to do."""


class TrainingInterrupted(Exception):
    """The training was asked to stop; the message says how far it came and how to go on."""
