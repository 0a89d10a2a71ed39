"""A text for each sample, in the requests and responses of each protocol."""

from typing import Any

import numpy as np
import orjson
import pytest
from epochal_server.model.model import check
from epochal_server.protocols import tfserving, v2, watson
from epochal_server.refusals import Invalid

from tests.kit.served import model, spec

NOTES = ["", "ähre"]
SERVED = model([spec("note", (), "str")], [spec("said", (), "str")])
SEVERAL = model([spec("note", (), "str"), spec("tokens", (-1,), "int32")], [spec("said", (), "str"), spec("y", ())])


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (tfserving, {"instances": NOTES}),
        (tfserving, {"instances": [{"note": ""}, {"note": "ähre"}]}),
        (tfserving, {"instances": [{"b64": ""}, {"b64": "w6RocmU="}]}),
        (tfserving, {"inputs": NOTES}),
        (tfserving, {"inputs": {"note": NOTES}}),
        (watson, {"input_data": [{"values": NOTES}]}),
        (watson, {"input_data": [{"fields": ["note"], "values": [[""], ["ähre"]]}]}),
        (v2, {"inputs": [{"name": "note", "shape": [2], "datatype": "BYTES", "data": NOTES}]}),
    ],
)
def test_a_request_has_a_text_for_each_sample(protocol: Any, body: Any) -> None:
    decoded = protocol.protocol(SERVED).endpoints[0].decode(orjson.dumps(body), {}, {})
    assert check(decoded.inputs, SERVED.inputs) == 2
    assert decoded.inputs["note"].tolist() == NOTES
    content = orjson.loads(decoded.encode({"said": np.array(NOTES, object)}).content)
    assert NOTES in (
        content.get("predictions"),
        content.get("outputs"),
        *(output["data"] for output in content.get("outputs", []) if isinstance(output, dict)),
        *([row[0] for row in part["values"]] for part in content.get("predictions", []) if isinstance(part, dict)),
    )


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (tfserving, {"instances": [{"note": note, "tokens": [1, 2]} for note in NOTES]}),
        (tfserving, {"inputs": {"tokens": [[1, 2]] * 2, "note": NOTES}}),
        (watson, {"input_data": [{"fields": ["tokens", "note"], "values": [[[1, 2], note] for note in NOTES]}]}),
        (watson, {"input_data": [{"id": "tokens", "values": [[1, 2]] * 2}, {"id": "note", "values": NOTES}]}),
        (
            v2,
            {
                "inputs": [
                    {"name": "tokens", "shape": [2, 2], "datatype": "INT32", "data": [1, 2, 1, 2]},
                    {"name": "note", "shape": [2], "datatype": "BYTES", "data": NOTES},
                ]
            },
        ),
    ],
)
def test_a_text_is_beside_tokens_of_any_length(protocol: Any, body: Any) -> None:
    decoded = protocol.protocol(SEVERAL).endpoints[0].decode(orjson.dumps(body), {}, {})
    assert check(decoded.inputs, SEVERAL.inputs) == 2
    assert {name: array.tolist() for name, array in decoded.inputs.items()} == {"note": NOTES, "tokens": [[1, 2]] * 2}
    content = decoded.encode({"said": np.array(NOTES, object), "y": np.array([0.5, 2], np.float32)}).content
    assert all(part in content for part in (b'"said"', b'"y"', "ähre".encode(), b"0.5"))


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        (tfserving, {"instances": [{"note": "", "tokens": [1]}, {"note": "", "tokens": [1, 2]}]}),
        (tfserving, {"instances": [{"note": 1, "tokens": [1]}]}),
        (watson, {"input_data": [{"fields": ["tokens"], "values": [[[1]]]}]}),
        (v2, {"inputs": [{"name": "note", "shape": [1], "datatype": "BYTES", "data": [1]}]}),
    ],
)
def test_other_requests_are_refused_with_the_input(protocol: Any, body: Any) -> None:
    with pytest.raises(Invalid, match=r'"(note|tokens)"'):
        protocol.protocol(SEVERAL).endpoints[0].decode(orjson.dumps(body), {}, {})
