"""The error of an evaluation."""


class EvaluationError(ValueError):
    """The evaluation is not possible; the message says why and what to do."""
