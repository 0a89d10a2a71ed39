"""The page of a model in a real browser: drawn on, given photographs, with a key, by keyboard, on a narrow screen."""

import io
import json
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import ExifTags, Image, ImageDraw
from playwright.sync_api import Browser, Page, Route, expect

from tests.kit import digits_model
from tests.kit.browser import NARROW, browser, opened
from tests.kit.digits_model import Points
from tests.kit.model_server import serving
from tests.kit.models import check_of, sigmoid, signature, softmax
from tests.kit.served import DIGITS, spec

ONE, SEVEN = digits_model.DRAWN[1], digits_model.DRAWN[7]
TABLE = [[0.5, -1.5, 2.0], [1.0, -1.5, 0.0]]
"""Samples of the model `table`, for which it gives 0.97 and 0.12."""
KEY = "a key of this test"
NO_KEY, REFUSED = ("status of 401",), ("status of 400",)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The model of `digits_server`, for clients with a key."""
    with served(tmp_path_factory.mktemp("keyed"), images="Digit", classes=list(DIGITS), keys={"one": KEY}) as address:
        yield address


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same model with outputs that are no probabilities, and without class names."""
    made = digits_model.signature(probabilities=False)
    with serving(tmp_path_factory.mktemp("scores"), digits_model.model(), made, images="Digit") as address:
        yield address


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A model of a table: it gives the probability of the second of two classes."""
    model, features = sigmoid(np.array([1, 2, 3])), np.array(TABLE, np.float32)
    probability = 1 / (1 + np.exp(-features @ [[1], [2], [3]]))
    check = check_of({"features": features}, {"probability": probability.astype(np.float32)})
    output = spec("probability", [1])
    made = signature(outputs=[output], onnx_file=model, check=check, probabilities=True, classes=["no", "yes"])
    folder = tmp_path_factory.mktemp("table")
    with serving(folder, model, made.model_dump_json().encode(), check=check, name="table") as address:
        yield address


def served(folder: Path, **fields: Any) -> AbstractContextManager[str]:
    return serving(folder, digits_model.model(), digits_model.signature(), **fields)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


def draw(page: Page, points: Points) -> None:
    expect(page.locator("#pad")).to_be_visible()
    box = page.locator("#pad").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def choose(page: Page, *files: Path) -> None:
    """Chooses files once the page accepts them: Playwright does not wait for it, since the file input is hidden."""
    expect(page.locator("#photographs")).to_be_visible()
    page.locator("#files").set_input_files(files)


def photograph(*digits: Points, side: int = 600, turned: bool = False) -> bytes:
    """Returns a photograph of digits on paper, `side` pixels each; `turned` stores it with an EXIF rotation."""
    picture = Image.new("RGB", (side * len(digits), side), "#ddd8cc")
    pen = ImageDraw.Draw(picture)
    for place, points in enumerate(digits):
        pen.line([((place + x) * side, y * side) for x, y in points], fill="#223355", width=side // 14, joint="curve")
    exif = Image.Exif()
    if turned:
        picture = picture.rotate(90, expand=True)
        exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_drawn_digit_is_read(chromium: Browser, digits_server: str) -> None:
    with opened(chromium, digits_server) as page:
        draw(page, SEVEN)
        expect(page.locator(".found strong")).to_have_text("seven")
        expect(page.locator(".bars li")).to_have_count(3)
        expect(page.get_by_role("status")).to_have_text(re.compile(r"^seven, (> )?[\d.]+ %$"))
        expect(page.get_by_alt_text("The picture that the network saw")).to_be_visible()
        for side in ("naturalWidth", "naturalHeight"):
            expect(page.locator(".seen")).to_have_js_property(side, 28)


@contextmanager
def rewriting_host(address: str) -> Iterator[int]:
    """Runs a proxy that sends another Host on, as many do, and yields its port."""
    _, _, upstream = address.rpartition(":")

    class Proxy(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            length = int((re.search(rb"(?i)content-length: (\d+)", head) or [0, 0])[1])
            head = re.sub(rb"(?im)^(host|connection): .*\r\n", b"", head)
            with socket.create_connection(("127.0.0.1", int(upstream))) as server:
                server.sendall(head + b"Host: inner\r\nConnection: close\r\n\r\n" + self.rfile.read(length))
                while part := server.recv(65536):
                    self.wfile.write(part)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy.server_address[1]
        proxy.shutdown()


def test_the_page_works_behind_a_proxy_that_rewrites_host(chromium: Browser, digits_server: str) -> None:
    complains = ("status of 403", "Cross-Origin-Opener-Policy")  # which plain HTTP has not
    with (
        rewriting_host(digits_server) as port,
        opened(chromium, f"http://digits.test:{port}/", complains=complains) as page,
    ):
        draw(page, SEVEN)
        expect(page.locator(".found strong")).to_have_text("seven")
        path = "/v2/models/digits/infer"
        fetched = "path => fetch(path, {method: 'POST', body: '{}'}).then(response => response.status)"
        assert page.evaluate(fetched, path) == 403  # only the page itself says that it is the server's own


def test_requests_from_another_origin_are_refused(chromium: Browser, digits_server: str, scores: str) -> None:
    fetched = "url => fetch(url, {method: 'POST', mode: 'no-cors', body: '{}'}).then(response => response.type)"
    for host in ("127.0.0.1", "digits.test"):  # with Sec-Fetch-Site, and by Origin alone
        other = scores.replace("127.0.0.1", host)
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"{digits_server}/v2")  # which has no policy of its own that keeps it from asking others
        with page.expect_response(f"{other}/**") as found:
            assert page.evaluate(fetched, f"{other}/v2/models/digits/infer") == "opaque"
        assert found.value.status == 403
        context.close()


def test_a_drawing_can_be_undone(chromium: Browser, digits_server: str) -> None:
    with opened(chromium, digits_server) as page:
        draw(page, ONE)
        expect(page.locator(".found strong")).to_have_text("one")
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".found")).to_have_count(0)
        expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_the_keyboard_is_enough(chromium: Browser, digits_server: str) -> None:
    with opened(chromium, digits_server) as page:
        expect(page.locator("#pad")).to_be_visible()
        for _ in range(2):  # past the link to the API
            page.keyboard.press("Tab")
        expect(page.locator("#pad")).to_be_focused()
        expect(page.locator("#pad-keys")).to_be_visible()
        for key in ("Space", *["ArrowDown"] * 14):
            page.keyboard.press(key)
        expect(page.get_by_role("status")).to_have_text("Pen down")
        page.keyboard.press("Space")
        expect(page.locator(".found strong")).to_have_text("one")
        page.keyboard.press("Delete")
        expect(page.locator(".found")).to_have_count(0)
        page.keyboard.press("Tab")
        expect(page.locator("#files")).to_be_focused()


def test_touch_draws(chromium: Browser, digits_server: str) -> None:
    with opened(chromium, digits_server, size=NARROW) as page:
        expect(page.locator("#pad")).to_be_visible()
        box = page.locator("#pad").bounding_box()
        assert box is not None
        fingers = page.context.new_cdp_session(page)
        for kind, part in (("touchStart", 0.2), *(("touchMove", 0.2 + step / 20) for step in range(13))):
            place = {"x": box["x"] + 0.5 * box["width"], "y": box["y"] + part * box["height"]}
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(page.locator(".found strong")).to_have_text("one")
        assert page.evaluate("scrollY") == 0


def test_photographs_are_chosen(chromium: Browser, digits_server: str, tmp_path: Path) -> None:
    for name, points in (("one.jpg", ONE), ("seven.jpg", SEVEN)):
        (tmp_path / name).write_bytes(photograph(points))
    with opened(chromium, digits_server) as page:
        choose(page, tmp_path / "one.jpg", tmp_path / "seven.jpg")
        expect(page.locator(".found strong")).to_have_text(["one", "seven"])
        expect(page.locator("article h3")).to_have_text(["one.jpg", "seven.jpg"])


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_photograph_is_dropped_or_pasted(chromium: Browser, digits_server: str, event: str) -> None:
    with opened(chromium, digits_server) as page:
        expect(page.locator("#pad")).to_be_visible()
        page.evaluate(
            """([event, bytes]) => {
                const files = new DataTransfer();
                files.items.add(new File([new Uint8Array(bytes)], "one.jpg", { type: "image/jpeg" }));
                const about = { bubbles: true, cancelable: true };
                const made = event === "drop" ? new DragEvent(event, { ...about, dataTransfer: files })
                    : new ClipboardEvent(event, { ...about, clipboardData: files });
                document.body.dispatchEvent(made);
            }""",
            [event, list(photograph(ONE))],
        )
        expect(page.locator(".found strong")).to_have_text("one")


@pytest.mark.parametrize(("side", "turned"), [(400, False), (1400, True)])
def test_several_digits_are_found_left_to_right(
    chromium: Browser, digits_server: str, tmp_path: Path, side: int, *, turned: bool
) -> None:
    (tmp_path / "sheet.jpg").write_bytes(photograph(ONE, SEVEN, ONE, side=side, turned=turned))
    with opened(chromium, digits_server) as page:
        page.get_by_label("Several digits on one sheet").check()
        choose(page, tmp_path / "sheet.jpg")
        expect(page.locator(".found strong")).to_have_text(["one", "seven", "one"])
        expect(page.locator(".box")).to_have_count(3)  # which wait for the browser to decode the picture
        boxes = [box.bounding_box() for box in page.locator(".box").all()]
        frame = page.locator(".frame").bounding_box()
        assert frame is not None
        places = [(box["x"] + box["width"] / 2 - frame["x"]) / frame["width"] for box in boxes if box]
        assert places == pytest.approx([1 / 6, 3 / 6, 5 / 6], abs=0.05)


def test_a_file_that_is_no_photograph_is_refused_with_the_reason(
    chromium: Browser, digits_server: str, tmp_path: Path
) -> None:
    (tmp_path / "words.png").write_text("no picture at all")
    with opened(chromium, digits_server, complains=REFUSED) as page:
        choose(page, tmp_path / "words.png")
        expect(page.locator(".refusal")).to_contain_text("not a JPEG, PNG or WebP")
        draw(page, ONE)  # and all goes on
        expect(page.locator(".found strong")).to_have_text("one")


def test_a_photograph_that_is_too_large_is_not_sent(chromium: Browser, digits_server: str, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(photograph(ONE) + bytes(9 * 2**20))
    with opened(chromium, digits_server) as page:
        choose(page, tmp_path / "large.jpg")
        expect(page.locator(".refusal")).to_have_text(
            "This photograph has 9 MiB, and the model takes 8 MiB: make it smaller."
        )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "The server cannot be reached."),
        ((429, {"Retry-After": "3"}, '{"error": "full"}'), "try again in 3 s. (full)"),
        ((503, {"Retry-After": "1"}, '{"error": "it ends"}'), "The server is not ready: it ends"),
        ((502, {"Content-Type": "text/html"}, "<h1>nginx</h1>"), "The server has failed: 502 Bad Gateway"),
    ],
)
def test_errors_of_the_network_and_of_proxies_are_shown(
    chromium: Browser, digits_server: str, answer: tuple[int, dict[str, str], str] | None, message: str
) -> None:
    def meddle(route: Route) -> None:
        if answer is None:
            route.abort()
        else:
            route.fulfill(status=answer[0], headers=answer[1], body=answer[2])

    with opened(chromium, digits_server, complains=("Failed to load resource",)) as page:
        page.route("**/predict*", meddle)
        draw(page, ONE)
        expect(page.locator(".refusal")).to_contain_text(message)
        page.unroute("**/predict*")
        draw(page, ONE)
        expect(page.locator(".found strong")).to_have_text("one")


def test_the_name_of_a_file_is_shown_as_text(chromium: Browser, digits_server: str, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    (tmp_path / name).write_bytes(photograph(ONE))
    with opened(chromium, digits_server) as page:
        choose(page, tmp_path / name)
        expect(page.locator("article h3")).to_have_text(name)
        expect(page.locator(".found strong")).to_have_text("one")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_narrow_screen_shows_the_answer_without_scrolling(
    chromium: Browser, digits_server: str, *, dark: bool
) -> None:
    with opened(chromium, digits_server, size=NARROW, dark=dark) as page:
        draw(page, ONE)
        expect(page.locator(".found strong")).to_be_in_viewport()
        assert page.locator("#pad").evaluate("pad => pad.width === pad.height")
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]


def test_the_key_is_requested_and_stays_in_the_tab(chromium: Browser, keyed: str) -> None:
    with opened(chromium, keyed, complains=NO_KEY) as page:
        expect(page.get_by_label("Key")).to_be_focused()
        expect(page.locator("#photographs")).to_be_hidden()
        page.keyboard.type("another")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The server does not know this key.").first).to_be_visible()
        page.get_by_label("Key").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.locator("#key")).to_be_hidden()
        draw(page, ONE)
        expect(page.locator(".found strong")).to_have_text("one")
        page.get_by_role("link", name="API").click()
        expect(page.locator(".operation").first).to_be_visible()
        assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0


def samples(*rows: list[float]) -> str:
    features = {"name": "features", "datatype": "FP32", "shape": [len(rows), 3], "data": rows}
    return json.dumps({"inputs": [features]})


def test_a_model_without_photographs_has_a_request_to_send(chromium: Browser, table: str) -> None:
    with opened(chromium, table, complains=REFUSED) as page:
        expect(page.locator("#photographs")).to_be_hidden()
        expect(page.locator("#fields > *")).to_have_count(0)
        request = page.get_by_role("textbox", name="Request")
        request.fill('{"inputs": []}')
        request.press("Control+Enter")
        expect(page.locator(".refusal")).to_contain_text('expected "features"')
        request.fill("{")
        request.press("Control+Enter")
        expect(page.locator(".refusal")).to_contain_text("no JSON")


def test_the_example_is_a_stored_sample_and_its_command_can_be_copied(chromium: Browser, table: str) -> None:
    with opened(chromium, table) as page:
        request = page.get_by_role("textbox", name="Request")
        assert json.loads(request.input_value())["inputs"][0]["data"] == TABLE[0]
        request.fill(samples(*TABLE))
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("status")).to_have_text("Copied")
        command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)["outputs"][0]["data"] == pytest.approx([0.970688, 0.119203], abs=1e-6)


def test_the_command_has_a_file_for_a_request_of_too_many_bytes(chromium: Browser, table: str) -> None:
    with opened(chromium, table) as page:
        request, command = page.get_by_role("textbox", name="Request"), page.locator("pre", has_text="curl")
        for letter, data in (("a", "--data-raw"), ("あ", "--data @request.json")):
            request.fill(json.dumps(letter * 60_000, ensure_ascii=False))
            expect(command).to_contain_text(data)


@pytest.mark.parametrize("end", ["an invalid request", "the example"])
def test_a_request_without_an_answer_can_be_ended(chromium: Browser, table: str, end: str) -> None:
    with opened(chromium, table) as page:
        page.route("**/infer", lambda _: None)  # it is never answered
        request, outputs = page.get_by_role("textbox", name="Request"), page.locator("#outputs")
        request.press("Control+Enter")
        expect(outputs).to_have_attribute("aria-busy", "true")
        if end == "the example":
            page.locator("#example").click()
        else:
            request.fill("{")
            request.press("Control+Enter")
        expect(outputs).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize("size", [NARROW, (1280, 800)], ids=["narrow", "wide"])
def test_values_are_wrapped_and_boxes_fill_their_card(chromium: Browser, table: str, size: tuple[int, int]) -> None:
    with opened(chromium, table, size=size) as page:
        page.get_by_role("textbox", name="Request").fill(samples(*TABLE * 20))
        expect(page.get_by_label("Command")).to_contain_text('"shape": [40, 3]')
        for box in ("#request", ".copyable pre"):
            assert page.locator(box).evaluate("box => box.scrollWidth <= box.clientWidth"), box
        page.get_by_role("button", name="Ask").click()
        for box in ("#request", ".copyable pre", "#outputs table"):
            expect(page.locator(box)).to_be_visible()
            inner = "box => box.offsetWidth / (box.closest('.card > *').clientWidth)"
            assert page.locator(box).evaluate(inner) == pytest.approx(1, abs=0.02), box
        expect(page.locator("caption .whole")).to_have_css("white-space", "nowrap")
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_a_single_probability_is_shown_as_two_classes(chromium: Browser, table: str) -> None:
    with opened(chromium, table) as page:
        request = page.get_by_role("textbox", name="Request")
        request.fill(samples(TABLE[0]))
        request.press("Control+Enter")
        expect(page.locator(".bars .class")).to_have_text(["yes", "no"])
        expect(page.locator(".bars li > :last-child")).to_have_text(["97.1 %", "2.9 %"])
        expect(page.get_by_role("status")).to_have_text("Answered: yes, 97.1 %")
        request.fill(samples(*TABLE, *TABLE))
        request.press("Control+Enter")
        expect(page.locator("caption")).to_have_text("probability FP32 [4, 1]")
        expect(page.locator("thead th")).to_have_text(["no", "yes"])
        expect(page.locator(".greatest")).to_have_text(["0.970688", "0.880797"] * 2)


def test_an_output_without_classes_is_shown_as_numbers(chromium: Browser, scores: str, tmp_path: Path) -> None:
    (tmp_path / "sheet.jpg").write_bytes(photograph(ONE, SEVEN))
    with opened(chromium, scores) as page:
        draw(page, ONE)
        expect(page.locator(".finding p")).to_have_text(re.compile(r"^digit: [\d.e, -]+$"))
        page.get_by_label("Several digits on one sheet").check()
        choose(page, tmp_path / "sheet.jpg")
        expect(page.locator(".finding")).to_have_count(2)
        expect(page.locator(".line")).to_have_count(0)
        expect(page.get_by_text("undefined")).to_have_count(0)


def test_each_of_several_inputs_has_a_field_and_each_output_an_answer(chromium: Browser, tmp_path: Path) -> None:
    made, kinds = onnx.load_from_string(softmax(np.ones((3, 2)))), onnx.TensorProto
    made.graph.node.append(onnx.helper.make_node("Identity", ["note"], ["said"]))
    made.graph.input.append(onnx.helper.make_tensor_value_info("note", kinds.STRING, ["n"]))
    made.graph.output.append(onnx.helper.make_tensor_value_info("logits", kinds.FLOAT, ["n", 2]))
    made.graph.output.append(onnx.helper.make_tensor_value_info("said", kinds.STRING, ["n"]))
    inputs = [spec("features", [3]), spec("note", [], "str")]
    outputs = [spec("logits", [2]), spec("probabilities", [2], probabilities=True, classes=["no", "yes"])]
    model = made.SerializeToString()
    about = signature(inputs, [*outputs, spec("said", [], "str")], onnx_file=model).model_dump_json().encode()
    with serving(tmp_path, model, about) as address, opened(chromium, address) as page:
        note, request = page.get_by_label("note"), page.get_by_role("textbox", name="Request")
        note.fill('of "a"')
        page.get_by_label("features").fill("1, 2, 3")
        named = {one["name"]: one for one in json.loads(request.input_value())["inputs"]}
        assert (named["note"]["data"], named["features"]["data"]) == (['of "a"'], [1, 2, 3])
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("caption")).to_have_text(["logits FP32 [1, 2]", "said BYTES [1]"])
        expect(page.locator("tbody td")).to_have_text(["6", "6", 'of "a"'])
        expect(page.locator("#outputs h3")).to_have_text("probabilities")
        expect(page.locator(".bars .class")).to_have_text(["no", "yes"])
        expect(page.get_by_text("Classes of probabilities")).to_be_visible()
        request.fill("{")
        expect(note).to_be_disabled()


def test_the_commands_on_the_api_page_work(chromium: Browser, digits_server: str, tmp_path: Path) -> None:
    for name in ("photo.jpg", "photo.png", "photo.webp", "one.jpg", "two.jpg"):
        Image.open(io.BytesIO(photograph(ONE))).save(tmp_path / name)
    with opened(chromium, f"{digits_server}/docs", size=NARROW) as page:
        expect(page.locator(".operation").first).to_be_visible()
        commands = page.locator("pre", has_text="curl").all_text_contents()
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
    for path in ("/predict", "/v2/models/digits/infer", "/v1/models/digits:predict", "/ml/v4/deployments/digits"):
        assert any(path in command for command in commands)
    for command in commands:
        sent = command.replace("curl ", "curl --fail-with-body --silent --show-error ", 1)
        done = subprocess.run(
            ["bash", "-c", sent], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
