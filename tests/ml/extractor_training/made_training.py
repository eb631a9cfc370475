"""Trains small extractors and runs their parts: `python -m tests.ml.extractor_training.made_training FOLDER`.

Keras and TensorFlow stay out of the test process. It writes to FOLDER: inputs and outputs of the parts
(`*.npz`), and runs on the drawn posters in `set/`: `through/` without interruption, `work/` killed and
resumed, `later/` started from the result of `work/`, `more/` with further posters, up to the first step, then
bundled from the result of `work/`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from ml.extractor_training import network as architecture
from ml.extractor_training.initial_weights import EFFICIENTNET, MOBILENET
from ml.extractor_training.plan import TrainingPlan
from tests.ml.extractor_training.made_efficientnet import efficientnet
from tests.ml.extractors.made_models import pictures
from tests.ml.labelled_set.made_sets import further_posters, labelled_posters, no_bar, write_csv

# The same operations as MobileNetV2: one block has a residual connection, the others have a stride.
SMALL = architecture.Backbone(
    stages=((1, 16, 1, 2, 3), (4, 16, 2, 2, 3), (4, 16, 1, 4, 3)),
    depths=("block_1_expand", "block_3_expand", "top"),
    frozen=1,
    scale=1 / 127.5,
    offset=-1.0,
)
PLAN = TrainingPlan(
    epochs=2.0,
    height=96,
    width=64,
    pairs=8,
    memory=32,
    warm_up=1,
    save_every=2,
    agreement=0.1,
    smoothing=0.1,
    mixing=0.3,
    distil=0.4,
    min_positives=2,
)
KILLED_AT, STEPS = 5, 10


def make(folder: Path) -> None:
    # Garbage collection takes a fifth of the time in which TensorFlow is imported and traces networks.
    gc.disable()
    network(folder)
    views(folder)
    losses(folder)
    with fewer_layers():
        kept(folder)
        whole(folder)


def network(folder: Path) -> None:
    """The folded network and the one it was folded from; refusals of unusable weights."""
    import keras

    from ml.extractor_training.errors import TrainingError
    from ml.extractor_training.initial_weights import load_mobilenet, load_random
    from ml.extractor_training.network import build_network
    from ml.extractors.weights import WeightsFile

    images = pictures(count=2, height=288, width=192)
    network = build_network(MOBILENET)
    both = keras.Model(network.input, {**network.output, "depths": network.get_layer("depths").output})
    # Keras takes half a second to build it.
    with patch("keras.applications.MobileNetV2", cache(keras.applications.MobileNetV2)) as mobilenet:
        load_random(network, images, 5)
        random = np.asarray(both(images)["depths"])
        source = mobilenet(weights=None, include_top=False, input_shape=(288, 192, 3))
        for layer in source.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.gamma.assign(
                    np.random.default_rng(len(layer.name)).uniform(0.5, 1.5, layer.gamma.shape)
                )
                layer.beta.assign(np.random.default_rng(len(layer.name)).normal(0, 0.2, layer.beta.shape))
        source(images / 127.5 - 1, training=True)
        names = ("block_6_expand_relu", "block_13_expand_relu", "out_relu")
        deep = keras.Model(source.input, [source.get_layer(name).output for name in names])
        expected = [np.asarray(found).mean(axis=(1, 2)) for found in deep(images / 127.5 - 1)]
        file = folder / "no_top.weights.h5"
        source.save_weights(file)
        load_mobilenet(network, WeightsFile(file, "no_top"))
        seen = {name: np.asarray(value) for name, value in both(images).items()}
        refusals = {}
        spoilt = source.get_weights()
        spoilt[0][:] = np.nan
        source.set_weights(spoilt)
        source.save_weights(folder / "nan.weights.h5")
        (folder / "text.weights.h5").write_text("<html>sign in</html>")
        for name in ("nan", "text"):
            try:
                load_mobilenet(network, WeightsFile(folder / f"{name}.weights.h5", "no_top"))
            except TrainingError as error:
                refusals[name] = str(error)
    refusals |= efficientnet(folder)
    (folder / "refusals.json").write_text(json.dumps(refusals))
    with fewer_layers():
        large, small = build_network(MOBILENET), build_network(MOBILENET, size=(96, 64))
        small.set_weights(large.get_weights())
        outputs = small(images[:, :96, :64])
        seen_small = {f"small_{name}": np.asarray(value) for name, value in outputs.items()}
    np.savez(
        folder / "network.npz",
        allow_pickle=False,
        expected=np.concatenate(expected, axis=1),
        random=random,
        numbers=[network.count_params(), large.count_params()],
        **(seen | {"depths": seen["depths"].mean(axis=(1, 2))} | seen_small),
    )


@contextlib.contextmanager
def fewer_layers() -> Iterator[None]:
    """Networks of four blocks instead of seventeen, which Keras takes seconds to build, trace and export."""
    with (
        patch.dict(architecture.BACKBONES, {MOBILENET: SMALL}),
        patch.object(architecture, "_TOP_CHANNELS", 256),
        # MobileNetV2 has other layers: the initial weights of Keras will do.
        patch("ml.extractor_training.initial_weights.load_random", draw_biases),
    ):
        yield


def draw_biases(network: Any, images: object, seed: int) -> None:
    """Replace the zeros of all biases: an exported file has equal ones only once, without a name."""
    random = np.random.default_rng(seed)
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.normal(0, 0.01, bias.shape)])


def kept(folder: Path) -> None:
    """Features to keep, and the losses of a network that is trained to keep them."""
    from ml.extractor_training import initial_weights
    from ml.extractor_training.learner import Learner
    from ml.extractor_training.training_data import Batch
    from ml.extractors.weights import WeightsFile

    images = pictures(count=6, height=288, width=192).astype(np.uint8)
    file = WeightsFile(folder / "imagenet.h5", "no_top")
    with (
        patch.object(initial_weights, "load_mobilenet", lambda network, weights: None),
        patch.object(initial_weights, "KEPT_SIZE", (96, 64)),
    ):
        features = initial_weights.features_to_keep(images, np.arange(6), file, folder / "features.npz")
    plan = replace(PLAN, keep=1.0, pairs=3, memory=6, distil=0.0, head_rate=0.02)
    learner = Learner(plan, 2, 4)
    learner.set_initial()
    labels = np.tile(np.eye(2, dtype=np.float32), (3, 1))
    given = np.ones((6, 4), dtype=np.float32)
    batch = Batch(images, labels, labels, given, np.arange(6, dtype=np.int32))
    losses = [learner.step(batch, number, 1.0) for number in range(6)]
    np.savez(folder / "kept.npz", allow_pickle=False, features=features, losses=losses)


def views(folder: Path) -> None:
    import tensorflow as tf

    from ml.extractor_training.augmentation import mixup, random_views

    images = tf.constant(np.repeat(pictures(count=2, height=288, width=192), 40, axis=0))
    shown = tf.function(random_views)
    first, again = (shown(images, (96, 64), tf.constant([3, 7])) for _ in range(2))
    other = shown(images, (96, 64), tf.constant([3, 8]))
    targets = np.eye(80, dtype=np.float32)
    mixture, shares = tf.function(mixup)(first, targets, 0.4, tf.constant([1, 2]))
    shown_views = {"first": first, "again": again, "other": other, "mixture": mixture, "shares": shares}
    np.savez(folder / "views.npz", allow_pickle=False, images=images, **shown_views)


def losses(folder: Path) -> None:
    import tensorflow as tf

    from ml.extractor_training.losses import contrastive_losses, genre_loss

    random = np.random.default_rng(2)
    vectors = random.normal(size=(9, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    given = {
        "vectors": vectors[:4],
        "groups": np.array([0, 1, 0, 2], dtype=np.int32),
        "labels": (random.random((9, 3)) < 0.5).astype(np.float32),
        "old_vectors": vectors[4:],
        "old_groups": np.array([1, 0, 5, -1, 1], dtype=np.int32),
        "logits": random.normal(size=(4, 3)).astype(np.float32) * 3,
    }
    memory = (
        tf.constant(given["old_vectors"]),
        tf.constant(given["old_groups"]),
        tf.constant(given["labels"][4:]),
    )
    vectors, groups, labels = (tf.constant(given[name][:4]) for name in ("vectors", "groups", "labels"))
    contrast, agreement = contrastive_losses(vectors, groups, labels, memory, 0.2)
    empty = (tf.zeros((2, 5)), tf.constant([-1, -1]), tf.zeros((2, 3)))
    alone = contrastive_losses(vectors[:1], groups[:1], labels[:1], empty, 0.2)
    genres = genre_loss(tf.constant(given["logits"]), labels, 0.1)
    results = {"contrast": contrast, "agreement": agreement, "alone": alone, "genres": genres}
    np.savez(folder / "losses.npz", allow_pickle=False, **{**results, **given})


def whole(folder: Path) -> None:
    """Train without interruption, then by the command after a kill; and try commands that are refused."""
    from ml.extractor_training.command import main
    from ml.extractor_training.errors import TrainingInterrupted
    from ml.extractor_training.loop import Callbacks
    from ml.extractor_training.training import TrainingRequest, train_extractor

    listing, images = labelled_posters(folder / "set", count=60, series=4)
    with listing.open("a") as file:
        file.write("gone.jpg,Drama,,1990\n")
    through, killed = folder / "through", folder / "work"
    steps = 0
    outputs: list[dict[str, Any]] = []

    def stop_after_the_last_step() -> bool:
        nonlocal steps
        steps += 1
        if steps == KILLED_AT:
            # A kill leaves the folder as it is between two steps.
            shutil.copytree(through, killed)
        return steps == STEPS

    request = TrainingRequest(listing, images, through, None, PLAN, from_scratch=True)
    try:
        train_extractor(request, Callbacks(no_bar, lambda line: None, stop_after_the_last_step))
    except TrainingInterrupted as stopped:
        outputs.append({"out": str(stopped)})

    def run(*more: str) -> None:
        out, errors = io.StringIO(), io.StringIO()
        options = [f"--posters={listing}", f"--images={images}", f"--output={killed}", "--from-scratch"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = main([*options, *more])
        outputs.append({"code": code, "out": out.getvalue(), "errors": errors.getvalue()})

    run("--resume")
    run()
    run("--resume", "--epochs=3")
    (folder / "outputs.json").write_text(json.dumps(outputs))
    start_from(killed / "trained.npz", replace(request, work=folder / "later"))
    with_further_posters(killed / "trained.npz", replace(request, work=folder / "more"))
    exported(killed / "shipped" / "postersite.tflite", folder)


def exported(file: Path, folder: Path) -> None:
    """Vectors of a network that was read from an exported file; refused files."""
    from ml.extractor_training.errors import TrainingError
    from ml.extractor_training.exported_weights import load_exported
    from ml.extractor_training.network import build_network, run_network

    network = build_network(MOBILENET)
    load_exported(file, network)
    images = pictures(count=3, height=288, width=192).astype(np.uint8)
    (folder / "text.tflite").write_text("<html>sign in</html>")
    refusals = []
    for path, other in ((file, build_network(EFFICIENTNET)), (folder / "text.tflite", network)):
        try:
            load_exported(path, other)
        except TrainingError as error:
            refusals.append(str(error))
    vectors = run_network(network, images, np.arange(3), "vector")
    np.savez(folder / "exported.npz", images=images, vectors=vectors, refusals=refusals)


def start_from(trained: Path, request: Any) -> None:
    """The first checkpoint of a run that starts from the result of another; a refused transformed network."""
    from ml.extractor_training.errors import TrainingError, TrainingInterrupted
    from ml.extractor_training.loop import Callbacks
    from ml.extractor_training.training import train_extractor

    transformed = trained.with_name("transformed.npz")
    np.savez(transformed, **{**np.load(trained), "untouched": np.array(False)})
    plan = replace(PLAN, distil=0.0)
    for file in (transformed, trained):
        callbacks = Callbacks(stop_before_the_first_step, lambda line: None, lambda: False)
        try:
            train_extractor(replace(request, plan=plan, start_from=(file,)), callbacks)
        except (TrainingError, TrainingInterrupted) as error:
            (request.work / f"{file.stem}.txt").write_text(str(error))


def stop_before_the_first_step(description: str, total: int) -> Any:
    from ml.extractor_training.errors import TrainingInterrupted
    from ml.extractor_training.loop import TRAINING

    if description == TRAINING:
        raise TrainingInterrupted("not trained")
    return no_bar(description, total)


def with_further_posters(trained: Path, request: Any) -> None:
    """A run with further posters and texts: its teacher, and a bundle of the result of another run."""
    from ml.extractor_training.errors import TrainingInterrupted
    from ml.extractor_training.loop import Callbacks
    from ml.extractor_training.training import train_extractor

    more = further_posters(request.work / "set", count=12)
    overviews = [
        {"imdb_id": f"tt{100 + number}", "overview": f"A story of {number}."} for number in range(12)
    ]
    texts = write_csv(request.work / "texts.csv", overviews)
    request = replace(request, plan=replace(request.plan, held_out=4), more=more, texts=texts)
    with contextlib.suppress(TrainingInterrupted):
        train_extractor(request, Callbacks(stop_before_the_first_step, lambda line: None, lambda: False))
    train_extractor(replace(request, trained=(trained,)), Callbacks(no_bar, lambda line: None, lambda: False))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
