"""The published soft-F1 loss and F1 metric, for Keras.

Ashref Maiza, "The unknown benefits of using a soft-F1 loss in classification systems", 2019.
"""

from typing import Any

from ml.genres.thresholds import RECIPE_THRESHOLD

# As published: keeps a genre nobody has and nobody predicts at 0 instead of 0/0.
EPSILON = 1e-16


def macro_soft_f1(y_true: Any, y_pred: Any) -> Any:
    """One minus the macro soft F1: counts of hits and misses with probabilities in place of decisions.

    y_true: (batch, genres) 0 or 1. y_pred: (batch, genres) probabilities. Returns a float32 scalar tensor.
    A genre without a positive in the batch costs 1 whatever is predicted, so batches should be large.
    """
    import tensorflow as tf

    truth = tf.cast(y_true, tf.float32)
    score = tf.cast(y_pred, tf.float32)
    hits = tf.reduce_sum(score * truth, axis=0)
    false_alarms = tf.reduce_sum(score * (1 - truth), axis=0)
    misses = tf.reduce_sum((1 - score) * truth, axis=0)
    soft_f1 = 2 * hits / (2 * hits + misses + false_alarms + EPSILON)
    return tf.reduce_mean(1 - soft_f1)


def macro_f1(y_true: Any, y_pred: Any, threshold: float = RECIPE_THRESHOLD) -> Any:
    """Macro F1 of the decisions `y_pred > threshold`: the published metric, on tensors.

    y_true: (batch, genres) 0 or 1. y_pred: (batch, genres) probabilities. Returns a float32 scalar tensor.
    Means of this over batches are not the macro F1 of the whole: call it on all rows at once.
    """
    import tensorflow as tf

    truth = tf.cast(y_true, tf.float32)
    chosen = tf.cast(tf.greater(tf.cast(y_pred, tf.float32), threshold), tf.float32)
    hits = tf.reduce_sum(chosen * truth, axis=0)
    false_alarms = tf.reduce_sum(chosen * (1 - truth), axis=0)
    misses = tf.reduce_sum((1 - chosen) * truth, axis=0)
    return tf.reduce_mean(2 * hits / (2 * hits + misses + false_alarms + EPSILON))
