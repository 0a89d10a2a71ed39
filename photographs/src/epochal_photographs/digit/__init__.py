"""Finds digits on photographs, and converts them to images like those of MNIST.

A picture is searched in several ways (`layers`): for dark or light ink, in thin or thick strokes, strong or faint. Each
connected region of ink is a part (`components`). Each part gets a score for its features (`features`): contrast, sharp
edges, and strokes that are thin compared with its size. The digit (`candidates`) is the best candidate that is not a
frame, paper, or a hole, together with its other parts (`group_strokes`). The digit is searched again at a higher
resolution (`refine`) and converted to the form of MNIST (`mnist`).
"""

from epochal_photographs.digit.find import MIN_SIDE, FoundDigit, RelativeBox, find_digit, find_digits

__all__ = ["MIN_SIDE", "FoundDigit", "RelativeBox", "find_digit", "find_digits"]
