"""A SavedModel with one input, one with two of other types, and one without a signature."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class Linear(tf.Module):
    def __init__(self) -> None:
        self.weights = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def one(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x @ self.weights}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, "words"), tf.TensorSpec([], tf.int32, "count")]
    )
    def two(self, words: tf.Tensor, count: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"upper": tf.strings.upper(words), "count": count + 1}


def make(folder: Path) -> None:
    model = Linear()
    tf.saved_model.save(model, str(folder / "one" / "net"), signatures={"serving_default": model.one})
    tf.saved_model.save(model, str(folder / "two"), signatures={"only": model.two})
    tf.saved_model.save(tf.Module(), str(folder / "none"))
