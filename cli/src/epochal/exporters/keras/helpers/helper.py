"""The type Helper for a function in an exported script, and the import statements that helpers need."""

from typing import NamedTuple


class Helper(NamedTuple):
    """A helper function of an exported script.

    Args:
        code: Its code.
        imports: Import statements of the modules that it uses.
        needs: Names of the other helpers that it calls.
    """

    code: str
    imports: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


GZIP, INSPECT, MATH, OS = "import gzip", "import inspect", "import math", "import os"
PICKLE, SYS, TEMPFILE, FNMATCH = "import pickle", "import sys", "import tempfile", "import fnmatch"
ARGPARSE, ITERTOOLS = "import argparse", "import itertools"
MACHINERY, UTIL = "import importlib.machinery", "import importlib.util"
CONTEXT, PATH, URL = (
    "from contextlib import contextmanager",
    "from pathlib import Path",
    "from urllib.parse import urlsplit",
)
KERAS, LAYERS, NUMPY, TENSORFLOW = (
    "import keras",
    "from keras import layers",
    "import numpy as np",
    "import tensorflow as tf",
)
