"""Finds digits on photographs, and returns them in the form of MNIST.

A picture is searched in several ways (`layers`): for dark or light ink, in thin or thick strokes, strong or faint. Each
connected region of ink is a part (`components`). Each part gets a score for its features (`features`): contrast, sharp
edges, and thin strokes beside its size. The digit (`candidates`) is the best candidate that is not a frame, paper, or a
hole, together with its other parts (`group_strokes`). It is searched again at a higher resolution (`refine`) and
converted to the form of MNIST (`mnist`).
"""

from epochal_photographs.digit.find import MIN_SIDE, FoundDigit, RelativeBox, find_digit, find_digits

__all__ = ["MIN_SIDE", "FoundDigit", "RelativeBox", "find_digit", "find_digits"]
