"""Training losses: cross-entropy of genres, and contrastive losses of related posters."""

from __future__ import annotations

from typing import Any

NO_GROUP = -1
"""The group of an empty place in the memory; it counts as neither related nor unrelated."""


def genre_loss(logits: Any, labels: Any, smoothing: float = 0.0) -> Any:
    """Binary cross-entropy of (n, genres) logits, summed over genres, averaged over the batch.

    With smoothing s, labels 0 and 1 become 0.1 s and 1 - 0.9 s: posters have about a tenth of all genres.
    """
    import tensorflow as tf

    soft = labels * (1 - smoothing) + smoothing * 0.1
    losses = tf.nn.sigmoid_cross_entropy_with_logits(soft, logits)
    return tf.reduce_mean(tf.reduce_sum(losses, axis=1))


def contrastive_losses(
    vectors: Any, groups: Any, labels: Any, memory: tuple[Any, Any, Any], temperature: float
) -> tuple[Any, Any]:
    """Supervised contrastive loss, and the same with shared genres as soft targets; two scalars.

    vectors (n, d) float32 of length 1; groups (n,) int32, equal for views of one poster and posters of one
    franchise; labels (n, genres) float32 of 0 and 1; memory: the same three of m earlier views, with group
    `NO_GROUP` where the memory is empty.

    Each view is classified among all other views of the batch and the memory by cosine over temperature. The
    targets of the first loss are the views of its group (Khosla et al., "Supervised Contrastive Learning",
    2020, with the sum outside the logarithm; memory as in Wang et al., "Cross-Batch Memory for Embedding
    Learning", 2020); those of the second are all views, weighted by the squared Jaccard index of the genres.
    Views without another of their group, or without a shared genre, add nothing.
    """
    import tensorflow as tf

    old_vectors, old_groups, old_labels = memory
    count = tf.shape(vectors)[0]
    bank = tf.concat([vectors, old_vectors], axis=0)
    bank_groups = tf.concat([groups, old_groups], axis=0)
    others = 1.0 - tf.eye(count, num_columns=tf.shape(bank)[0])
    counted = others * tf.cast(bank_groups != NO_GROUP, tf.float32)[None]
    similarity = tf.matmul(vectors, bank, transpose_b=True) / temperature - 1e9 * (1.0 - counted)
    log_share = similarity - tf.reduce_logsumexp(similarity, axis=1, keepdims=True)
    # Where nothing counts the logarithm is huge, and 0 times huge must stay 0.
    log_share = tf.where(counted > 0, log_share, 0.0)
    related = tf.cast(groups[:, None] == bank_groups[None], tf.float32) * counted
    contrast = -tf.reduce_mean(
        tf.reduce_sum(related * log_share, axis=1) / tf.maximum(tf.reduce_sum(related, axis=1), 1.0)
    )
    bank_labels = tf.concat([labels, old_labels], axis=0)
    common = tf.matmul(labels, bank_labels, transpose_b=True)
    either = tf.reduce_sum(labels, axis=1)[:, None] + tf.reduce_sum(bank_labels, axis=1)[None] - common
    jaccard = tf.square(common / tf.maximum(either, 1.0)) * counted
    share = jaccard / tf.maximum(tf.reduce_sum(jaccard, axis=1, keepdims=True), 1e-6)
    agreement = -tf.reduce_mean(tf.reduce_sum(share * log_share, axis=1))
    return contrast, agreement


def feature_loss(predicted: Any, features: Any) -> Any:
    """The share of the variance of features (n, d) that (n, d) predicted ones miss, averaged over the batch.

    features: standardised principal components of a frozen network, so their squares sum to d on average.
    A linear prediction from the vector keeps it from forgetting what the frozen network knew (feature
    regression, as in Romero et al., "FitNets: Hints for Thin Deep Nets", 2015).
    """
    import tensorflow as tf

    return tf.reduce_mean(tf.square(predicted - features))
