"""Writes digits.npz for digits.yaml: scikit-learn's handwritten digits, a fifth of them set aside as the test set."""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main(folder: Path) -> None:
    """Writes `x_train`, `y_train`, `x_test`, `y_test` to `folder`/digits.npz; the images are (count, 8, 8) bytes."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = np.split(order, [len(images) // 5])
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "digits.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
