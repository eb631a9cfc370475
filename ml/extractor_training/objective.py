"""What the network is taught: genres by cross-entropy, kinship by contrast with a memory of vectors."""

from __future__ import annotations

from typing import Any

NO_KIN = -1
"""The kin number of an empty place in the memory: neither like nor unlike anything."""


def genre_loss(logits: Any, labels: Any, smoothing: float = 0.0) -> Any:
    """Binary cross-entropy of (n, genres) logits, summed over genres, mean over the batch.

    With smoothing s, labels 0 and 1 become 0.1 s and 1 - 0.9 s: posters have about a tenth of all genres.
    """
    import tensorflow as tf

    soft = labels * (1 - smoothing) + smoothing * 0.1
    losses = tf.nn.sigmoid_cross_entropy_with_logits(soft, logits)
    return tf.reduce_mean(tf.reduce_sum(losses, axis=1))


def kinship_losses(
    vectors: Any, kin: Any, labels: Any, memory: tuple[Any, Any, Any], temperature: float
) -> tuple[Any, Any]:
    """Supervised contrastive loss, and the same with shared genres as soft targets; two scalars.

    vectors (n, d) float32, each of length 1; kin (n,) int32, equal for views of one poster and posters of one
    franchise; labels (n, genres) float32 of 0 and 1; memory: the same three of m earlier views, kin `NO_KIN`
    where nothing is remembered yet.

    Each view is told from all other views of the batch and the memory by its cosine over temperature: the
    targets of the first loss are its kin, alike (Khosla et al., "Supervised Contrastive Learning", 2020, with
    the sum outside the logarithm; the memory is that of Wang et al., "Cross-Batch Memory for Embedding
    Learning", 2020), those of the second all views, by the squared Jaccard index of their genres with its.
    A view without kin, or without a shared genre, adds nothing.
    """
    import tensorflow as tf

    old_vectors, old_kin, old_labels = memory
    count = tf.shape(vectors)[0]
    bank = tf.concat([vectors, old_vectors], axis=0)
    bank_kin = tf.concat([kin, old_kin], axis=0)
    others = 1.0 - tf.eye(count, num_columns=tf.shape(bank)[0])
    counted = others * tf.cast(bank_kin != NO_KIN, tf.float32)[None]
    nearness = tf.matmul(vectors, bank, transpose_b=True) / temperature - 1e9 * (1.0 - counted)
    log_share = nearness - tf.reduce_logsumexp(nearness, axis=1, keepdims=True)
    # Where nothing counts the logarithm is huge, and 0 times huge must stay 0.
    log_share = tf.where(counted > 0, log_share, 0.0)
    related = tf.cast(kin[:, None] == bank_kin[None], tf.float32) * counted
    contrast = -tf.reduce_mean(
        tf.reduce_sum(related * log_share, axis=1) / tf.maximum(tf.reduce_sum(related, axis=1), 1.0)
    )
    bank_labels = tf.concat([labels, old_labels], axis=0)
    common = tf.matmul(labels, bank_labels, transpose_b=True)
    either = tf.reduce_sum(labels, axis=1)[:, None] + tf.reduce_sum(bank_labels, axis=1)[None] - common
    alike = tf.square(common / tf.maximum(either, 1.0)) * counted
    share = alike / tf.maximum(tf.reduce_sum(alike, axis=1, keepdims=True), 1e-6)
    agreement = -tf.reduce_mean(tf.reduce_sum(share * log_share, axis=1))
    return contrast, agreement
