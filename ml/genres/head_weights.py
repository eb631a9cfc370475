"""The numbers of a genre head, by architecture: the published hidden layer, and one linear map a genre."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


class _Checked:
    """Arrays as contiguous float32, of the shapes that belong together, finite, with a scale above zero."""

    scale: Float32

    @property
    def dims(self) -> tuple[int, ...]:
        raise NotImplementedError

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError

    def _check(self, kernels: tuple[str, ...]) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            array = np.ascontiguousarray(getattr(self, field.name), dtype=np.float32)
            object.__setattr__(self, field.name, array)
        if any(getattr(self, name).ndim != 2 for name in kernels):
            raise ValueError("The kernels of a head are tables of two dimensions.")
        for name, shape in self.shapes(*self.dims).items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, and {shape} was expected.")
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds numbers that are not finite.")
        if (self.scale <= 0).any():
            raise ValueError("scale must be above zero everywhere.")


@dataclass(frozen=True)
class HeadWeights(_Checked):
    """The numbers of one dense head, all float32: d features, h hidden units, g genres.

    hidden_kernel (d, h), hidden_bias (h,), output_kernel (h, g), output_bias (g,); mean (d,) and scale (d,)
    are those of the training rows, or zeros and ones for a head that does not standardise.

    Raises ValueError if the shapes don't belong together, or if a number is not finite.
    """

    kind: ClassVar[str] = "dense-relu-dense-sigmoid"
    dim_names: ClassVar[tuple[str, ...]] = ("features", "hidden", "genres")

    hidden_kernel: Float32
    hidden_bias: Float32
    output_kernel: Float32
    output_bias: Float32
    mean: Float32
    scale: Float32

    def __post_init__(self) -> None:
        self._check(("hidden_kernel", "output_kernel"))

    @property
    def dims(self) -> tuple[int, int, int]:
        """(features, hidden units, genres)."""
        features, hidden = self.hidden_kernel.shape
        return features, hidden, self.output_kernel.shape[1]

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        """The shape every array must have, by name; dims as `dim_names` says."""
        features, hidden, genres = dims
        return {
            "hidden_kernel": (features, hidden),
            "hidden_bias": (hidden,),
            "output_kernel": (hidden, genres),
            "output_bias": (genres,),
            "mean": (features,),
            "scale": (features,),
        }

    def logits(self, rows: Float32) -> Float32:
        """What the sigmoid is taken of: (n, genres) float32 for (n, features)."""
        standard = (rows - self.mean) / self.scale
        hidden = np.maximum(standard @ self.hidden_kernel + self.hidden_bias, np.float32(0))
        return np.asarray(hidden @ self.output_kernel + self.output_bias, dtype=np.float32)


@dataclass(frozen=True)
class LinearWeights(_Checked):
    """The numbers of one linear head, all float32: d features, g genres.

    kernel (d, g), bias (g,); mean (d,) and scale (d,) standardise the features. Calibration lies in kernel
    and bias already.

    Raises ValueError if the shapes don't belong together, or if a number is not finite.
    """

    kind: ClassVar[str] = "linear-sigmoid"
    dim_names: ClassVar[tuple[str, ...]] = ("features", "genres")

    kernel: Float32
    bias: Float32
    mean: Float32
    scale: Float32

    def __post_init__(self) -> None:
        self._check(("kernel",))

    @property
    def dims(self) -> tuple[int, int]:
        """(features, genres)."""
        features, genres = self.kernel.shape
        return features, genres

    @staticmethod
    def shapes(*dims: int) -> dict[str, tuple[int, ...]]:
        """The shape every array must have, by name; dims as `dim_names` says."""
        features, genres = dims
        return {"kernel": (features, genres), "bias": (genres,), "mean": (features,), "scale": (features,)}

    def logits(self, rows: Float32) -> Float32:
        """What the sigmoid is taken of: (n, genres) float32 for (n, features)."""
        return np.asarray(((rows - self.mean) / self.scale) @ self.kernel + self.bias, dtype=np.float32)


AnyWeights = HeadWeights | LinearWeights
ARCHITECTURES: dict[str, type[HeadWeights] | type[LinearWeights]] = {
    weights.kind: weights for weights in (HeadWeights, LinearWeights)
}
