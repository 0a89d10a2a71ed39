"""`epochal predict`: photographs, npy, npz and csv through the API server, against the own protocol of the server."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from epochal.client.cluster import Cluster
from epochal.client.transport import Response
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.serving.access import selects
from epochal.serving.sample_files import MAX_BATCH, read_batches
from epochal.serving.tensors import Tensor, fit
from epochal_server.model.model import Model
from epochal_server.protocols import v2
from epochal_server.protocols.protocol import HEADER_LENGTH
from epochal_server.routes.page import describe

from tests.kit.served import digits, pair, small
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.commands import Result, epochal
from tests.unit.cli.objects import put

KEY = "a-key-of-more-than-16"
Compute = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


class FakeServer:
    """A model server behind the proxy: it decodes and encodes with the server's own protocol."""

    def __init__(self, model: Model, compute: Compute) -> None:
        self.model = model
        self.compute = compute
        self.asked: list[dict[str, Any]] = []
        self.refusal: Response | None = None

    def answer(self, service: str, port: str, method: str, path: str, **options: Any) -> Response:
        self.asked.append({"service": service, "port": port, "method": method, "path": path, **options})
        if self.refusal is not None:
            return self.refusal
        if path == "/page/model.json":
            return Response(200, {}, json.dumps(describe(self.model), default=list).encode())
        if path == "/predict":
            top = [
                {"class": 7, "name": "seven", "probability": 0.9981},
                {"class": 1, "name": "one", "probability": 0.1},
            ]
            return Response(200, {}, json.dumps({**top[0], "top": top}).encode())
        decoded = (
            v2.protocol(self.model)
            .endpoints[0]
            .decode(options["body"], {HEADER_LENGTH: options["headers"][HEADER_LENGTH]}, {})
        )
        body = decoded.encode(self.compute(decoded.inputs))
        return Response(200, {name.lower(): value for name, value in body.headers.items()}, bytes(body.content))


@pytest.fixture
def serve(cluster: ClusterInMemory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeServer]:
    def serve(model: Model, compute: Compute, spec: dict[str, Any] | None = None, **status: Any) -> FakeServer:
        server = FakeServer(model, compute)
        put(cluster, "modelservers", "digits", spec or {}, **{"state": "Ready", **status})
        monkeypatch.setattr(Cluster, "proxy", server.answer)  # a bound method gets no cluster
        return server

    return serve


@pytest.fixture
def run(cluster: ClusterInMemory, tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: str, **variables: str) -> Result:
        return epochal("predict", "digits", *arguments, folder=tmp_path, variables=cluster.variables | variables)

    return run


def seven(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = len(inputs["image"])
    return {"digit": np.tile(np.eye(10, dtype=np.float32)[7] * 0.9 + 0.01, (rows, 1))}


def test_npy(serve: Any, run: Any, tmp_path: Path) -> None:
    server = serve(digits(), seven)
    np.save(tmp_path / "x.npy", np.zeros((3, 28, 28), np.uint8))  # another type, without the last axis
    code, output, errors = run("x.npy")
    assert (code, errors) == (0, "")
    header, *rows = output.splitlines()
    assert header.split() == ["FILE", "SAMPLE", "digit"]
    assert [row.split(maxsplit=2) for row in rows] == [
        ["x.npy", str(number), "seven 0.910, zero 0.010, one 0.010"] for number in range(3)
    ]
    asked = server.asked[-1]
    assert (asked["service"], asked["port"], asked["method"], asked["scheme"]) == ("digits", "http", "POST", "")
    assert asked["path"] == "/v2/models/digits/infer"
    assert "X-API-Key" not in asked["headers"]


def test_a_large_npy_without_the_last_axis_goes_in_several_requests(serve: Any, run: Any, tmp_path: Path) -> None:
    server = serve(digits(), seven)
    count = 2 * MAX_BATCH + 1
    np.save(tmp_path / "x.npy", np.zeros((count, 28, 28), np.uint8))
    assert len(run("x.npy").output.splitlines()) == 1 + count
    assert sum(asked["path"].endswith("/infer") for asked in server.asked) > 2


def test_json_has_values_and_classes(serve: Any, run: Any, tmp_path: Path) -> None:
    serve(small(), lambda inputs: {"y": np.array([[1, np.nan, 3]] * len(inputs["x"]), np.float32)})
    (tmp_path / "x.csv").write_text("width,height\n1,2.5\n3,4\n")
    content = [json.loads(line) for line in run("x.csv", "-o", "json").output.splitlines()]
    assert content == [
        {"file": "x.csv", "sample": sample, "outputs": {"y": {"values": [1.0, None, 3.0]}}} for sample in range(2)
    ]


def test_the_columns_of_a_table_are_ordered_by_the_servers_features(serve: Any, run: Any, tmp_path: Path) -> None:
    def compute(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert inputs["x"].tolist() == [[1, 2.5]]
        return {"y": np.ones((1, 3), np.float32)}

    model = small()
    named = model.signature.model_copy(update={"features": ["width", "height"]})
    serve(replace(model, signature=named), compute)
    (tmp_path / "x.csv").write_text("height,width\n2.5,1\n")
    code, _, errors = run("x.csv")
    assert (code, errors) == (0, "")
    (tmp_path / "x.csv").write_text("height,depth\n2.5,1\n")
    assert "has no column width; has the unknown column depth" in run("x.csv").errors


def test_several_inputs_with_texts_are_a_npz(serve: Any, run: Any, tmp_path: Path) -> None:
    def compute(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert inputs["words"].tolist() == [["one", "two"], ["three", ""]]
        return {"score": np.array([[0.5, 2]] * 2, np.float32), "said": np.array(["a", "b"], object)}

    serve(pair(), compute)
    np.savez(tmp_path / "x.npz", count=np.array([1, 2]), words=np.array([["one", "two"], ["three", ""]]))
    code, output, errors = run("x.npz")
    assert (code, errors) == (0, "")
    assert [line.split() for line in output.splitlines()] == [
        ["FILE", "SAMPLE", "score", "said"],
        ["x.npz", "0", "0.5", "2", "a"],
        ["x.npz", "1", "0.5", "2", "b"],
    ]
    (tmp_path / "x.csv").write_text("1,2\n")
    assert "need a npz file" in run("x.csv").errors


def test_photographs(serve: Any, run: Any, tmp_path: Path) -> None:
    server = serve(digits(), seven)
    (tmp_path / "seven.jpg").write_bytes(b"\xff\xd8\xff and more")
    code, output, _ = run("seven.jpg")
    assert code == 0
    assert output.splitlines()[1].split(maxsplit=2) == ["seven.jpg", "0", "seven 0.998, one 0.100"]
    assert server.asked[-1]["path"] == "/predict"
    assert server.asked[-1]["headers"] == {"Content-Type": "image/jpeg"}


def test_a_photograph_for_a_model_of_numbers(serve: Any, run: Any, tmp_path: Path) -> None:
    server = serve(small(), seven)
    (tmp_path / "a.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    code, _, errors = run("a.webp")
    assert code == ExitCode.USAGE
    assert "a.webp is a photograph, and ModelServer digits takes none" in errors
    assert len(server.asked) == 1


def test_the_key_is_that_of_the_secret_or_of_the_variable(
    serve: Any, run: Any, tmp_path: Path, cluster: ClusterInMemory
) -> None:
    server = serve(small(), lambda _: {"y": np.zeros((1, 3), np.float32)}, {"auth": {"secretRef": {"name": "keys"}}})
    (tmp_path / "x.csv").write_text("1,2\n")
    code, _, errors = run("x.csv")
    assert code == ExitCode.NOT_FOUND
    assert "set EPOCHAL_API_KEY" in errors
    data = {"short": base64.b64encode(b"short").decode(), "first": base64.b64encode(f"{KEY}\n".encode()).decode()}
    cluster.call(cluster.objects.create, "secrets", "vision", {"metadata": {"name": "keys"}, "data": data})
    assert run("x.csv").exit_code == 0
    assert {asked["headers"]["X-API-Key"] for asked in server.asked} == {KEY}
    assert run("x.csv", EPOCHAL_API_KEY="another-key-of-16-characters").exit_code == 0
    assert server.asked[-1]["headers"]["X-API-Key"] == "another-key-of-16-characters"


def test_tls(serve: Any, run: Any, tmp_path: Path) -> None:
    server = serve(small(), lambda _: {"y": np.zeros((1, 3), np.float32)}, {"tls": {"secretRef": {"name": "cert"}}})
    (tmp_path / "x.csv").write_text("1,2\n")
    assert run("x.csv").exit_code == 0
    assert (server.asked[-1]["port"], server.asked[-1]["scheme"]) == ("https", "https")


def refusal(status: int, message: str) -> Response:
    return Response(status, {}, json.dumps({"kind": "Status", "message": message, "code": status}).encode())


UNREACHABLE = "error trying to reach service: dial tcp 10.0.0.7:8080: i/o timeout"


@pytest.mark.parametrize(
    ("answer", "code", "messages"),
    [
        (refusal(503, UNREACHABLE), ExitCode.NO_CONNECTION, ["The NetworkPolicy digits of the namespace vision limits",
          "i/o timeout", "serverNetworkPolicy.from", "kubectl port-forward service/digits"]),
        (Response(502, {}, UNREACHABLE.encode()), ExitCode.NO_CONNECTION, ["The NetworkPolicy digits"]),
        (refusal(403, "services is forbidden"), ExitCode.REFUSED, ["get and create of services/proxy"]),
        (Response(401, {}, b'{"error": "X-API-Key: unknown API key"}'), ExitCode.REFUSED,
         ["ModelServer digits: X-API-Key: unknown API key", "Set EPOCHAL_API_KEY"]),
        (Response(400, {}, b'{"error": "expected\\u001b[1m"}'), ExitCode.REFUSED, ["ModelServer digits: expected [1m"]),
    ],
)  # fmt: skip
def test_errors_of_the_way_name_the_remedy(  # noqa: PLR0917
    serve: Any, run: Any, tmp_path: Path, cluster: ClusterInMemory, answer: Response, code: int, messages: list[str]
) -> None:
    selector = {"matchLabels": {"epochal.dev/modelserver": "digits"}}
    policies = {
        "digits": {"podSelector": selector, "policyTypes": ["Ingress"]},
        "others": {"podSelector": {"matchLabels": {"app": "web"}}},
        "egress": {"podSelector": {}, "policyTypes": ["Egress"]},
    }
    for name, spec in policies.items():
        cluster.call(cluster.objects.create, "networkpolicies", "vision", {"metadata": {"name": name}, "spec": spec})
    serve(small(), seven).refusal = answer
    (tmp_path / "x.csv").write_text("1,2\n")
    found, _, errors = run("x.csv")
    assert found == code
    for message in messages:
        assert message in errors
    assert "others" not in errors
    assert "egress" not in errors


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podSelector": {}}, True),
        ({"podSelector": {"matchLabels": {"team": "vision"}}, "policyTypes": ["Ingress", "Egress"]}, True),
        ({"podSelector": {"matchLabels": {"team": "other"}}}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, False),
    ],
)
def test_the_policies_that_limit_a_pod(spec: dict[str, Any], *, expected: bool) -> None:
    assert selects({"spec": spec}, {"team": "vision", "app": "digits"}) == expected


def test_a_server_that_does_not_answer_yet(serve: Any, run: Any, tmp_path: Path) -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "ModelMissing", "message": "TrainingJob mnist runs"}]
    serve(small(), seven, state="Waiting", conditions=conditions).refusal = refusal(503, "no endpoints available")
    (tmp_path / "x.csv").write_text("1,2\n")
    code, _, errors = run("x.csv")
    assert code == ExitCode.NO_CONNECTION
    assert "its state is Waiting: TrainingJob mnist runs" in errors


IMAGE, ROW, TEXT, SEQUENCE = (
    Tensor("image", (28, 28, 1), "float32"),
    Tensor("row", (4,), "float32"),
    Tensor("text", (), "str"),
    Tensor("ids", (-1,), "int32"),
)


@pytest.mark.parametrize(
    ("array", "tensor", "shape"),
    [
        (np.zeros((5, 28, 28, 1)), IMAGE, (5, 28, 28, 1)),
        (np.zeros((5, 28, 28)), IMAGE, (5, 28, 28, 1)),
        (np.zeros((28, 28)), IMAGE, (1, 28, 28, 1)),
        (np.zeros((28, 28, 1)), IMAGE, (1, 28, 28, 1)),
        (np.zeros((5, 784)), IMAGE, (5, 28, 28, 1)),
        (np.zeros(4), ROW, (1, 4)),
        (np.array(["a", "b"]), TEXT, (2,)),
        (np.zeros((2, 7), np.int64), SEQUENCE, (2, 7)),
        (np.zeros(7, np.int64), SEQUENCE, (1, 7)),
    ],
)
def test_arrays_get_the_shape_and_type_of_the_input(array: np.ndarray, tensor: Tensor, shape: tuple[int, ...]) -> None:
    found = fit(array, tensor, "x.npy")
    assert found.shape == shape
    assert found.dtype.kind == "U" if tensor.dtype == "str" else found.dtype == np.dtype(tensor.dtype)


@pytest.mark.parametrize(
    ("array", "tensor", "message"),
    [
        (np.zeros((2, 5)), ROW, r"shape \(2, 5\), expected samples of the input row \(4, float32\): \(samples, 4\)"),
        (np.array([["a"] * 4]), ROW, "found text, expected float32"),
        (np.zeros((2, 4), complex), ROW, "found complex128"),
        (np.full((1, 4), 1e300), ROW, "the value 1e\\+300 of the input row is no float32"),
        (np.full((1, 4), 0.5), SEQUENCE, "the value 0.5 of the input ids is no int32"),
        (np.full((1, 4), 2**40), SEQUENCE, "is no int32"),
        (np.full((1, 4), np.nan), SEQUENCE, "the value nan of the input ids is no int32"),
        (np.zeros(3), TEXT, "found float64, expected text"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, tensor: Tensor, message: str) -> None:
    with pytest.raises(EpochalError, match=message):
        fit(array, tensor, "x.npy")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"1,2,3,4\n1,2\n", "row 2 has 2 columns, and the rows before have 4|shape"),
        ("a.csv", b"1,2,3,cat\n", "row 1, column 4: found 'cat', expected a number for the input row"),
        ("a.csv", b"1,2,3,4\n1,2_0,3,4\n", "row 2, column 2: found '2_0', expected a number"),
        ("a.csv", b"1_0,2_0,3_0,4_0\n1,2,3,4\n", "row 1, column 1: found '1_0', expected a number"),
        ("a.csv", b"1,2,nan,4\n", "row 1, column 3: found 'nan', expected a number"),
        ("a.csv", b"a,b,c,d\n", "has no samples"),
        ("a.csv", b"\n", "has no samples"),
        ("a.bin", b"\xff\x00\xfe", "neither a photograph nor npy, npz or CSV"),
        ("a.npy", b"\x93NUMPY\x01\x00", "cannot read the npy file"),
        ("a.npz", b"PK\x03\x04 cut", "cannot read the npz file"),
        ("a.npy", None, "cannot read .*a.npy: No such file"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EpochalError, match=message):
        list(read_batches(tmp_path / name, [ROW], 10**6))


def test_no_file_runs_code(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"an": "object"}]), allow_pickle=True)
    with pytest.raises(EpochalError, match="cannot read the npy file"):
        list(read_batches(tmp_path / "a.npy", [ROW], 10**6))


NAMED = ROW._replace(features=["length", "width", "height", "mass"])


def test_a_heading_orders_the_columns_by_the_names_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mass, width,length,height\n4,2,1,3\n8,6,5,7\n")
    [batch, rest] = read_batches(tmp_path / "a.csv", [NAMED], 10**6)
    np.testing.assert_array_equal(np.concatenate([batch["row"], rest["row"]]), [[1, 2, 3, 4], [5, 6, 7, 8]])
    (tmp_path / "a.csv").write_text("1,2,3,4\n")
    [batch] = read_batches(tmp_path / "a.csv", [NAMED], 10**6)
    np.testing.assert_array_equal(batch["row"], [[1, 2, 3, 4]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("length,width,mass\n1,2,3\n", "has no column height"),
        ("length,width,height,weight\n1,2,3,4\n", "has no column mass; has the unknown column weight"),
        ("length,width,height,mass,id\n1,2,3,4,5\n", "has the unknown column id"),
        ("length,width,height,mass,mass\n1,2,3,4,5\n", "repeats the column mass"),
        ("length,width,height,mass\n1,2,3\n", "row 2 has 3 columns, and the heading has 4"),
    ],
)
def test_a_heading_with_other_names_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(EpochalError, match=message):
        list(read_batches(tmp_path / "a.csv", [NAMED], 10**6))


@pytest.mark.parametrize(
    ("content", "texts"),
    [("review\ngood\nbad\n", ["good", "bad"]), ("good\nreview\n", ["good", "review"]), ("Review\n", ["Review"])],
)
def test_the_name_of_an_input_of_text_is_a_heading(tmp_path: Path, content: str, texts: list[str]) -> None:
    (tmp_path / "a.csv").write_text(content)
    batches = read_batches(tmp_path / "a.csv", [Tensor("review", (), "str")], 10**6)
    assert [text for batch in batches for text in batch["review"]] == texts


def test_batches_fit_a_request(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(40_000, dtype=np.float32).reshape(-1, 4))
    batches = [batch["row"] for batch in read_batches(tmp_path / "a.npy", [ROW], 16 * 2 * 500)]
    assert [len(batch) for batch in batches] == [500] * 20
    np.testing.assert_array_equal(np.concatenate(batches).reshape(-1), np.arange(40_000))
    assert max(len(batch["row"]) for batch in read_batches(tmp_path / "a.npy", [ROW], 2**30)) == MAX_BATCH
    (tmp_path / "a.csv").write_text("1,2,3,4\n" * 1100)
    assert sum(len(batch["row"]) for batch in read_batches(tmp_path / "a.csv", [ROW], 16 * 2 * 500)) == 1100
