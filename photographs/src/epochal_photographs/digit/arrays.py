"""Types of the arrays that the search for digits works on."""

from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Ints = np.ndarray[Any, np.dtype[np.intp]]
HALF = 127
"""Threshold for a mask that was resized as bytes: halfway between 0 and 255."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]
