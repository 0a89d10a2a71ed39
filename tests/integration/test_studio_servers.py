"""Studio's back end with real model servers, behind the proxy of a fake API server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit import digits_model
from tests.kit.studio import EDITOR, NAMESPACE, VIEWER, Studio, studio
from tests.kit.studio_client import Answer, Client
from tests.kit.studio_servers import SAMPLES, serve_digits, serve_table

KEY = "a key of this test"
PNG = {"Content-Type": "image/png", "Epochal-Studio": "1"}
JSON = {**PNG, "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Studio without pages, with the servers `digits` and `table`. The second one needs a key."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "index.html").write_text("<!doctype html>")
    with (
        studio(folder, pages=folder) as found,
        serve_digits(found, folder / "digits"),
        serve_table(found, folder / "table", key=KEY),
    ):
        yield found


def signed_in(studio: Studio, token: str = EDITOR) -> Client:
    client = Client(studio.url, NAMESPACE)
    assert client.sign_in(token).status == 200
    return client


def ask(client: Client, name: str, part: str = "", body: Any = None, **headers: str) -> Answer:
    return client.ask(f"/api/servers/{NAMESPACE}/{name}{part}", body, headers=headers)


def test_a_drawn_digit_is_read_and_counted(running: Studio) -> None:
    client = signed_in(running)
    found = ask(client, "digits").content
    assert (found["isReady"], found["needsKey"], found["problem"]) == (True, False, None)
    assert (found["page"]["images"], len(found["page"]["outputs"][0]["classes"])) == ("Digit", 10)
    for digit in (7, 1, 7):
        answered = ask(client, "digits", "/predict?show=true", digits_model.photograph(digit), **PNG)
        assert (answered.status, answered.content["class"]) == (200, digit)
        assert answered.content["image"].startswith("data:image/png;base64,")
    assert ask(client, "digits", "/predict", b"no picture", **PNG).status == 400
    usage = ask(client, "digits", "/usage").content
    assert (usage["requests"], usage["refused"], usage["pods"], usage["problem"]) == (4, 1, 1, None)
    assert usage["classes"][:2] == [
        {"output": "digit", "name": "seven", "count": 2},
        {"output": "digit", "name": "one", "count": 1},
    ]


def test_the_example_of_a_table_is_a_request(running: Studio) -> None:
    client, key = signed_in(running), {"X-API-Key": KEY}
    assert ask(client, "table").content["needsKey"] is True
    found = ask(client, "table", **key).content
    assert (found["needsKey"], found["page"]["images"]) == (False, "None")
    example = found["page"]["example"]
    assert example["inputs"][0]["data"] == SAMPLES[0]
    assert ask(client, "table", "/predict", example, **JSON).content["reason"] == "KeyRequired"
    answered = ask(client, "table", "/predict", example, **JSON, **key)
    [output] = answered.content["outputs"]
    assert (answered.status, output["name"], round(output["data"][0], 2)) == (200, "probability", 0.97)
    assert client.ask("/api/session").status == 200  # the 401 of the server has not ended the session
    assert KEY not in running.log.read_text()


def test_a_viewer_reads_the_name_of_the_right(running: Studio) -> None:
    client = signed_in(running, VIEWER)
    assert "services/proxy" in ask(client, "digits").content["problem"]["message"]
    assert ask(client, "digits", "/predict", b"any", **PNG).status == 403
    assert "pods/proxy" in ask(client, "digits", "/usage").content["problem"]["message"]
