"""Types of the arrays that the search for digits works on."""

from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Ints = np.ndarray[Any, np.dtype[np.intp]]
HALF = 127
"""Halfway between nothing and all of a byte: where the edge of a mask is that was resized as bytes."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]
