"""The server answers photographs, and refuses other bodies with a reason."""

import io
import json
import random
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.kit import digits_model
from tests.kit.model_server import ask
from tests.kit.served import DIGITS

SIZE = (4000, 3000)


@cache
def photograph(*digits: int, size: tuple[int, int] = SIZE, kind: str = "JPEG") -> bytes:
    """Returns a photograph of a sheet on which digits are written beside one another, the light from the left."""
    width, height = size
    page = Image.linear_gradient("L").rotate(90).resize(size).point(lambda shade: 150 + shade // 3).convert("RGB")
    pen, side = ImageDraw.Draw(page), min(height, width // len(digits)) * 0.6
    for place, digit in enumerate(digits):
        left, top = (place + 0.5) * width / len(digits) - side / 2, (height - side) / 2
        points = [(left + x * side, top + y * side) for x, y in digits_model.DRAWN[digit]]
        pen.line(points, (30, 30, 90), round(side / 12), joint="curve")
    file = io.BytesIO()
    page.save(file, kind, quality=90)
    return file.getvalue()


def curl(*arguments: str) -> Any:
    sent = subprocess.run(["curl", "--silent", "--show-error", *arguments], check=True, capture_output=True)
    return json.loads(sent.stdout)


@pytest.mark.parametrize("digit", [2, 3, 7])
def test_a_photograph_is_read_right(digits_server: str, tmp_path: Path, digit: int) -> None:
    (tmp_path / "photo.jpg").write_bytes(photograph(digit))
    answer = curl("--data-binary", f"@{tmp_path / 'photo.jpg'}", f"{digits_server}/predict")
    assert (answer["class"], answer["name"], answer["top"][0]["class"]) == (digit, DIGITS[digit], digit)
    assert answer["probability"] == answer["top"][0]["probability"] > 0.5


def test_several_photographs_in_a_form_are_read_right(digits_server: str, tmp_path: Path) -> None:
    files = {"a.jpg": photograph(2), "b.png": photograph(7, size=(300, 300), kind="PNG"), "c.jpg": b"no photograph"}
    form: list[str] = []
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        form += ["--form", f"file=@{tmp_path / name}"]
    answer = curl(*form, f"{digits_server}/predict")["photographs"]
    assert [(item["file"], item.get("class")) for item in answer] == [("a.jpg", 2), ("b.png", 7), ("c.jpg", None)]
    assert "not a JPEG, PNG or WebP" in answer[2]["error"]


def test_several_digits_on_one_sheet_are_read_right(digits_server: str) -> None:
    status, answer = ask(f"{digits_server}/predict?several=true&show=true", photograph(7, 2, 3))
    found = answer["predictions"]
    assert (status, [item["class"] for item in found]) == (200, [7, 2, 3])
    for place, one in enumerate(found):
        middle = (one["box"]["left"] + one["box"]["right"]) / 2 / SIZE[0]
        assert middle == pytest.approx((place + 0.5) / 3, abs=0.05)
        assert one["image"].startswith("data:image/png;base64,")


def test_the_input_of_the_network_is_returned(digits_server: str) -> None:
    status, picture = ask(f"{digits_server}/predict?show=true", photograph(2), {"Accept": "image/png"})
    assert status == 200
    with Image.open(io.BytesIO(picture)) as seen:
        assert (seen.format, seen.mode, seen.size) == ("PNG", "L", (28, 28))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "found an empty body"),
        (b"GIF89a", 400, "not a JPEG, PNG or WebP"),
        (photograph(2)[:-9000], 400, "damaged or truncated"),
        (photograph(2, size=(5000, 4000)), 413, "spec.limits.imagePixels"),
        (b"\xff\xd8" + b"\0" * 9_000_000, 413, "spec.limits.requestBytes"),
    ],
)
def test_other_bodies_are_refused_with_the_reason(digits_server: str, body: bytes, status: int, message: str) -> None:
    found, refusal = ask(f"{digits_server}/predict", body)
    assert (found, message in refusal["error"]) == (status, True), refusal


SMALL = [photograph(3, size=(90, 120), kind=kind) for kind in ("JPEG", "PNG", "WEBP")]


@settings(max_examples=200)
@given(st.sampled_from(SMALL), st.randoms(use_true_random=False), st.integers(1, 20), st.booleans())
def test_no_damaged_photograph_is_a_server_error(
    digits_server: str,
    picture: bytes,
    chance: random.Random,
    times: int,
    several: bool,  # noqa: FBT001
) -> None:
    damaged = bytearray(picture)
    for _ in range(times):
        at = chance.randrange(len(damaged))
        damaged[at : at + chance.choice([0, 1, 1, 4])] = chance.randbytes(chance.choice([0, 1, 1, 4]))
    status, answer = ask(f"{digits_server}/predict?several={str(several).lower()}", bytes(damaged))
    assert status in {200, 400, 413}, answer


def test_the_server_answers_afterwards(digits_server: str) -> None:
    guesses: Any = ask(f"{digits_server}/predict", photograph(7))[1]["top"]
    assert guesses[0]["name"] == "seven"
