"""Transparent pictures, and their memory."""

import io
import subprocess
import sys

import pytest
from epochal_photographs.flatten import on_contrasting_page, on_white
from PIL import Image

MIB = 2**20
PROGRAM = r"""
import re, sys
from epochal_photographs.decode import decode
from epochal_photographs.digit import find_digit
find_digit(decode(sys.stdin.buffer.read(), max_pixels=2**24, min_side=700))
print(1024 * int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]))  # of itself, not of who began it
"""


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(("ink", "page"), [(0, 255), (255, 0)])
def test_a_drawing_on_a_transparent_page_has_contrast(mode: str, ink: int, page: int) -> None:
    picture = Image.new(mode, (20, 20), (ink,) * (len(mode) - 1) + (0,))
    picture.paste((ink,) * (len(mode) - 1) + (255,), (5, 5, 10, 10))
    flat = on_contrasting_page(picture)
    assert [flat.getpixel(at) for at in ((0, 0), (7, 7))] == [(page,) * 3, (ink,) * 3]


def test_paper_is_white() -> None:
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    assert on_white(half, "L").getpixel((0, 0)) == 127
    assert on_white(Image.new("RGB", (2, 2), (1, 2, 3)), "RGB").getpixel((0, 0)) == (1, 2, 3)
    assert on_contrasting_page(Image.new("RGBA", (2, 2), (9, 9, 9, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_a_transparent_picture_of_the_maximum_size_leaves_memory() -> None:
    picture = Image.new("RGBA", (4096, 4096), (255, 255, 255, 200))
    picture.paste((0, 0, 0, 255), (1000, 1000, 1400, 3000))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    process = subprocess.run([sys.executable, "-c", PROGRAM], input=file.getvalue(), stdout=subprocess.PIPE, check=True)
    assert int(process.stdout) < 300 * MIB
