"""What is seen of a picture that is transparent in part, and what it costs."""

import io
import subprocess
import sys

import pytest
from epochal_photographs.flatten import on_contrasting_page, on_white
from PIL import Image

MIB = 2**20
SHOWS = r"""
import re, sys
from epochal_photographs.decode import decode
from epochal_photographs.digit import digit
digit(decode(sys.stdin.buffer.read(), most_pixels=2**24, at_least=700))
print(1024 * int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]))  # of itself, not of who began it
"""


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(("ink", "page"), [(0, 255), (255, 0)])
def test_what_is_drawn_on_a_transparent_page_is_seen(mode: str, ink: int, page: int) -> None:
    picture = Image.new(mode, (20, 20), (ink,) * (len(mode) - 1) + (0,))
    picture.paste((ink,) * (len(mode) - 1) + (255,), (5, 5, 10, 10))
    seen = on_contrasting_page(picture)
    assert [seen.getpixel(at) for at in ((0, 0), (7, 7))] == [(page,) * 3, (ink,) * 3]


def test_paper_is_white() -> None:
    half = Image.new("RGBA", (2, 2), (0, 0, 0, 128))
    assert on_white(half, "L").getpixel((0, 0)) == 127
    assert on_white(Image.new("RGB", (2, 2), (1, 2, 3)), "RGB").getpixel((0, 0)) == (1, 2, 3)
    assert on_contrasting_page(Image.new("RGBA", (2, 2), (9, 9, 9, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_the_most_pixels_there_may_be_leave_a_pod_some_of_its_memory() -> None:
    picture = Image.new("RGBA", (4096, 4096), (255, 255, 255, 200))
    picture.paste((0, 0, 0, 255), (1000, 1000, 1400, 3000))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    shown = subprocess.run([sys.executable, "-c", SHOWS], input=file.getvalue(), stdout=subprocess.PIPE, check=True)
    assert int(shown.stdout) < 300 * MIB
