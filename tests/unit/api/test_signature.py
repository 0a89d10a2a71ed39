"""signature.json, between trainers and servers of different versions."""

from typing import Any

import pytest
from epochal_api.signature import ChannelRange, ImageSpec, Signature
from pydantic import ValidationError

OLD_IMAGE = {"height": 2, "width": 2, "channels": 3, "lowest": -2.0, "highest": 3.0}
RANGES = [ChannelRange(lowest=low, highest=3.0) for low in (-2.0, -1.5, -1.0)]


def signature(image: dict[str, Any]) -> Signature:
    tensor = {"name": "x", "shape": [2, 2, 3], "dtype": "float32"}
    files = [{"model": "Last", "keras": {"name": "model.keras", "sha256": "0" * 64}}]
    return Signature.model_validate({"inputs": [tensor], "outputs": [tensor], "image": image, "models": files})


def test_single_range_is_written_in_the_old_format() -> None:
    image = ImageSpec.model_validate(OLD_IMAGE)
    assert image.model_dump() == OLD_IMAGE
    assert image.channel_ranges == [ChannelRange(lowest=-2.0, highest=3.0)] * 3


def test_digest_of_single_range_is_stable() -> None:
    """Servers before and after an upgrade compare it."""
    assert signature(OLD_IMAGE).digest() == "36b8fb01fe586c69ee815efd9cded90e301e5a06934d3b3071a8136b49c6b39b"


def test_classes_of_outputs_are_beside_those_of_the_first() -> None:
    tensors = [{"name": name, "shape": [2], "dtype": "float32"} for name in ("digit", "odd")]
    found = Signature.model_validate({**signature(OLD_IMAGE).model_dump(), "outputs": tensors, "classes": ["a", "b"]})
    assert found.output_classes == {"digit": ["a", "b"]}
    assert found.model_dump()["outputs"] == tensors, "as in the old format"
    odd = found.outputs[1].model_copy(update={"probabilities": True, "classes": ["no", "yes"]})
    further = found.model_copy(update={"outputs": [found.outputs[0], odd]})
    assert further.output_classes == {"digit": ["a", "b"], "odd": ["no", "yes"]}
    assert Signature.model_validate_json(further.model_dump_json()) == further
    assert further.digest() != found.digest()


def test_channel_ranges_keep_the_range_for_older_servers() -> None:
    image = ImageSpec.model_validate({**OLD_IMAGE, "ranges": RANGES})
    assert ImageSpec.model_validate_json(image.model_dump_json()) == image
    assert image.model_dump().items() >= OLD_IMAGE.items()
    assert image.channel_ranges == RANGES
    assert signature(image.model_dump()).digest() != signature(OLD_IMAGE).digest()


def test_ranges_must_match_channels() -> None:
    with pytest.raises(ValidationError, match="ranges: found 2, expected 3, a range for each channel"):
        ImageSpec.model_validate({**OLD_IMAGE, "ranges": RANGES[:2]})
