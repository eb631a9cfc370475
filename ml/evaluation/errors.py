"""What an evaluation cannot go on from."""


class EvaluationError(ValueError):
    """The evaluation cannot be made; the message says what stands in its way and what to do."""
