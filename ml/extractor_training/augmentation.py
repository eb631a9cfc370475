"""Random views of posters, so that a crop, a mirror, a grey or a faded copy is still the same poster."""

from __future__ import annotations

from typing import Any

SMALLEST_CROP = 0.65
FRAMED_SHARE = 0.1
MIXED_SHARE = 0.5
GREY_SHARE = 0.12


def random_views(images: Any, size: tuple[int, int], seed: Any) -> Any:
    """Altered copies (n, height, width, 3) float32 in [0, 255] of images (n, ..., 3) of the same range.

    Each is mirrored, cropped or framed, and recoloured by itself. seed: (2,) int32; the same images and seed
    give the same views, so that a training that was stopped goes on as it would have. Runs inside a
    TensorFlow graph.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    seeds = iter(tf.unstack(tf.random.split(seed, num=10)))

    def uniform(low: float, high: float, *shape: int) -> Any:
        return tf.random.stateless_uniform((count, *shape), next(seeds), low, high)

    # A size above 1 looks beyond the edge: the poster in a black frame.
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
    middle = tf.reduce_mean(views, axis=(1, 2), keepdims=True)
    views = middle + (views - middle) * uniform(0.75, 1.25, 1, 1, 1) + uniform(-22, 22, 1, 1, 3)
    return tf.clip_by_value(views, 0.0, 255.0)


def mixed(views: Any, targets: Any, most: float, seed: Any) -> tuple[Any, Any]:
    """Half of the views (n, height, width, 3) with another shining through, and targets (n, genres) alike.

    most: the largest share of the other, drawn evenly from 0; seed: (2,) int32. Mixup (Zhang et al., "mixup:
    Beyond Empirical Risk Minimization", 2018), with the first picture always the stronger one.
    """
    import tensorflow as tf

    seeds = tf.unstack(tf.random.split(seed, num=3))
    count = tf.shape(views)[0]
    chosen = tf.random.stateless_uniform((count,), seeds[0]) < MIXED_SHARE
    other = tf.random.stateless_uniform((count,), seeds[1], 0.0, most) * tf.cast(chosen, tf.float32)
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seeds[2])
    share = other[:, None, None, None]
    return (
        views + share * (tf.gather(views, order) - views),
        targets + other[:, None] * (tf.gather(targets, order) - targets),
    )
