"""Images before a model: enlarged if the model needs it, changed a little in training, standardised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinymm.data.datasets import Dataset
from tinymm.data.image import bright_ink, digits_to_28, frame_ink, read_image, resize
from tinymm.data.image.augmentation import Augmentation
from tinymm.data.image.files import MAX_PIXELS
from tinymm.data.standardizing import Standardizer
from tinymm.nn import Conv2d, ConvReLUPool, Module
from tinymm.nn.module import watch
from tinymm.recipes.front_end import FrontEnd, claimed
from tinymm.recording import no_grad

if TYPE_CHECKING:
    from tinymm.recipes.task import Drawing
    from tinymm.recipes.training import Trained

Shape = tuple[int, int, int]


class ImageFrontEnd(FrontEnd):
    """Images (N, C, H, W) in [0, 1], standardised by one mean and deviation.

    Args:
        only: the one shape that the model reads, to which 8×8 digits are enlarged; None for a model that reads any.

    Attributes:
        image_shape: of the training images. input_shape: of what the model gets.
    """

    sense = "image"

    def __init__(self, only: Shape | None = None):
        self.only = only
        self.standardizer = Standardizer("all")
        self.augmentation = Augmentation()
        self.image_shape: Shape = only or (1, 28, 28)

    @property
    def enlarges(self) -> bool:
        return self.only == (1, 28, 28) and self.image_shape == (1, 8, 8)

    @property
    def input_shape(self) -> Shape:
        return (1, 28, 28) if self.enlarges else self.image_shape

    def fit_prepare(self, data: Dataset) -> np.ndarray:
        """ValueError: the images have another shape than the one that the model reads."""
        self.image_shape = data.x.shape[1:]
        if self.only and self.input_shape != self.only:
            raise ValueError(
                f"mmbigmodel reads images of {_times(self.only)} (or 8×8 digits), but these are "
                f"{_times(self.image_shape)}: choose another model, e.g. cnn, or resize the images"
            )
        images = self.prepare(data.x)
        self.standardizer.fit(images)
        return images

    def prepare(self, samples: np.ndarray) -> np.ndarray:
        return digits_to_28(samples) if self.enlarges else samples

    def __call__(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return self.standardizer.transform(rows if rng is None else self.augmentation(rows, rng))

    def read(self, item: str) -> np.ndarray:
        """An image file as bright ink in the shape that the model was trained on, see `sized`.

        Dark ink on light paper is turned around. ValueError if there is none.
        """
        image = bright_ink(read_image(item, grey=self.image_shape[0] == 1)[None])
        if image.min() == image.max():
            raise ValueError(f"there is no ink on {item}")
        return self.sized(image)[0].astype(np.float32)

    def sized(self, images: np.ndarray) -> np.ndarray:
        """Images (N, C, H, W) of bright ink in the shape that the model was trained on.

        Images of that size are taken as they are; from any other the ink is cut out and brought to it, or a coloured
        image as a whole. ValueError for another number of channels.
        """
        channels, *size = self.image_shape
        if images.shape[1] != channels:
            raise ValueError(
                f"the model was trained on images of {_times(self.image_shape)}, but these are "
                f"{_times(images.shape[1:])}: the channels must be the same, try data.image.to_grey"
            )
        if images.shape[2:] == (size[0], size[1]):
            return images
        if channels > 1:
            return resize(images, (size[0], size[1]), "area")
        return frame_ink(
            images, (size[0], size[1]), 4 if size == [28, 28] else 0
        )  # as MNIST and the UCI digits have it

    def pictures(self, samples: np.ndarray) -> np.ndarray | None:
        return samples if samples.shape[1] in (1, 3) else None  # grey or coloured

    def drawings(self, trained: Trained, tested: Dataset) -> dict[str, Drawing]:
        from tinymm import plots

        maps = first_feature_maps(trained.model, self(self.prepare(tested.x[:1])))
        if maps is None:
            return {}
        return {"What the first convolution answers to one image": ("feature_maps", lambda: plots.feature_maps(maps))}

    def state_dict(self) -> dict[str, Any]:
        return {"image_shape": list(self.image_shape), "standardizer": self.standardizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        channels, rows, columns = claimed("image_shape", state["image_shape"], MAX_PIXELS)
        self.image_shape = channels, rows, columns
        self.standardizer.load_state_dict(state["standardizer"])


@no_grad()
def first_feature_maps(model: Module, x: Any) -> np.ndarray | None:
    """What the channels of the first convolution answer to the first of the inputs x: (C, H, W), or None without one."""
    found: list[np.ndarray] = []

    def look(module: Module, inputs: tuple, output: Any) -> None:
        if isinstance(module, Conv2d | ConvReLUPool) and not found:
            found.append(np.asarray(output)[0])

    with watch(look):
        model(x)
    return found[0] if found else None


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
