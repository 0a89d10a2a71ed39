"""Scores each family of photographs: python -m tests.photographs MNIST-FOLDER [--count 200] [--seed 0] [FAMILY …]."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photographs.digits import all_digits
from tests.photographs.families import FAMILIES, photographs
from tests.photographs.network import Network
from tests.photographs.score import Score, score

LARGE = 10
"""How many times fewer photographs of 12 megapixels there are: they take long to make."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mnist", type=Path, help="folder that tests.demo.mnist has filled")
    parser.add_argument("families", nargs="*", default=list(FAMILIES))
    parser.add_argument("--count", type=int, default=200, help="photographs of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wrong", type=Path, help="folder for what was read wrongly")
    given = parser.parse_args()
    digits, labels = all_digits(given.mnist)
    network = Network()
    right = float((network.classes(digits) == labels).mean())
    print(f"the network reads {right:.4f} of MNIST's test images right")
    print("| family | photographs | right | ms, median | ms, most |\n|---|---|---|---|---|")
    for family in given.families:
        count = given.count // LARGE if family == "large" else given.count
        result = score(photographs(family, digits, labels, count, given.seed), network)
        slow, most = np.median(result.milliseconds), max(result.milliseconds)
        print(f"| {family} | {result.photographs} | {result.part:.3f} | {slow:.0f} | {most:.0f} |", flush=True)
        if given.wrong:
            _save(result, given.wrong / family)


def _save(result: Score, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for at, (photograph, image, read_as) in enumerate(result.wrong):
        (folder / f"{at}-{photograph.label}-read-{read_as}").write_bytes(photograph.data)
        Image.fromarray(image).save(folder / f"{at}-seen.png")


if __name__ == "__main__":
    main()
