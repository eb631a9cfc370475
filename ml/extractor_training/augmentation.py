"""Random views of posters: crops, mirror images, frames, grey and recoloured copies, and mixup."""

from __future__ import annotations

from typing import Any

SMALLEST_CROP = 0.65
FRAMED_SHARE = 0.1
MIXED_SHARE = 0.5
GREY_SHARE = 0.12


def random_views(images: Any, size: tuple[int, int], seed: Any) -> Any:
    """Augment images (n, ..., 3) in [0, 255] to views (n, height, width, 3) float32 of the same range.

    Each image is mirrored, cropped or framed, and recoloured independently. seed: (2,) int32; the same images
    and seed give the same views, so that a resumed run gives the same result. Runs in a TensorFlow graph.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    seeds = iter(tf.unstack(tf.random.split(seed, num=10)))

    def uniform(low: float, high: float, *shape: int) -> Any:
        return tf.random.stateless_uniform((count, *shape), next(seeds), low, high)

    # An extent above 1 reaches beyond the edge: the poster in a black frame.
    framed = uniform(0, 1, 1) < FRAMED_SHARE
    extent = tf.where(framed, uniform(1.0, 1.12, 1), uniform(SMALLEST_CROP, 1.0, 1))
    extent = extent * uniform(0.94, 1.06, 2)
    corner = uniform(0, 1, 2) * (1 - extent)
    boxes = tf.concat([corner, corner + extent], axis=1)
    mirrored = tf.stack([boxes[:, 0], boxes[:, 3], boxes[:, 2], boxes[:, 1]], axis=1)
    boxes = tf.where(uniform(0, 1, 1) < 0.5, mirrored, boxes)
    views = tf.image.crop_and_resize(images, boxes, tf.range(count), size, extrapolation_value=0.0)
    grey = tf.reduce_mean(views, axis=3, keepdims=True)
    saturation = tf.where(uniform(0, 1, 1, 1, 1) < GREY_SHARE, 0.0, uniform(0.7, 1.3, 1, 1, 1))
    views = grey + (views - grey) * saturation
    mean = tf.reduce_mean(views, axis=(1, 2), keepdims=True)
    views = mean + (views - mean) * uniform(0.75, 1.25, 1, 1, 1) + uniform(-22, 22, 1, 1, 3)
    return tf.clip_by_value(views, 0.0, 255.0)


def mixup(views: Any, targets: Any, max_share: float, seed: Any) -> tuple[Any, Any]:
    """Blend half of the views (n, height, width, 3), and their targets (n, genres), with another one.

    max_share: the largest share of the other view, drawn uniformly from 0; seed: (2,) int32. Zhang et al.,
    "mixup: Beyond Empirical Risk Minimization", 2018, with the first view always the stronger one.
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, num=3))
    count = tf.shape(views)[0]
    chosen = tf.random.stateless_uniform((count,), seeds[0]) < MIXED_SHARE
    other = tf.random.stateless_uniform((count,), seeds[1], 0.0, max_share) * tf.cast(chosen, tf.float32)
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seeds[2])
    share = other[:, None, None, None]
    return (
        views + share * (tf.gather(views, order) - views),
        targets + other[:, None] * (tf.gather(targets, order) - targets),
    )
