"""Digits on photographs, as MNIST has them.

A picture is looked at in several ways (`layers`): for ink that is darker than what is around it and for ink that is
lighter, in thin strokes and in thick ones, strong and faint. What hangs together in one of them is a part
(`components`), and each part is judged by how it looks (`looks`): contrast, sharp edges, strokes that are thin beside
what they draw. The best thing that is neither a frame, nor paper, nor a hole (`choose`) is the digit, with what belongs
to it (`together`). It is looked at more closely (`finer`) and made to look as MNIST's digits do (`normal`).
"""

from epochal_photographs.digit.find import ENOUGH, Found, Place, digit, digits

__all__ = ["ENOUGH", "Found", "Place", "digit", "digits"]
