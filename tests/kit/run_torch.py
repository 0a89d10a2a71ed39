"""Runs exported files with Debian's PyTorch. It imports nothing of this repository.

`outputs FOLDER…` runs the network of each folder on inputs.npz with weights.npz, and writes outputs.npz.
`train FOLDER…` runs train.py of each folder on its data, and writes log.txt and model.pt.
"""

import contextlib
import importlib.util
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch


def load(folder: Path) -> Any:
    specification = importlib.util.spec_from_file_location("model", folder / "model.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["model"] = module
    specification.loader.exec_module(module)
    return module


def write_outputs(folder: Path) -> None:
    module = load(folder)
    network = module.Network().eval()
    module.load_weights(network, folder / "weights.npz")
    with np.load(folder / "inputs.npz") as arrays, torch.no_grad():
        result = network(*(torch.from_numpy(arrays[name]) for name in arrays.files))
    outputs = result if isinstance(result, tuple) else (result,)
    np.savez(folder / "outputs.npz", *(output.numpy() for output in outputs))


def train(folder: Path) -> None:
    load(folder)  # `from model import Network` finds it
    os.chdir(folder)
    sys.argv = ["train.py", str(folder)]
    with (folder / "log.txt").open("w") as log, contextlib.redirect_stdout(log):
        runpy.run_path(str(folder / "train.py"), run_name="__main__")


mode, *folders = sys.argv[1:]
torch.set_num_threads(1)
for each in folders:
    {"outputs": write_outputs, "train": train}[mode](Path(each))
