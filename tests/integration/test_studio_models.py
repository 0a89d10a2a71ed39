"""The pages of models in a real browser, on the real back end and real model servers: listed, deployed, tried."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from tests.kit import digits_model
from tests.kit.axe import assert_accessible
from tests.kit.browser import NARROW, browser, opened, tab_to
from tests.kit.digits_model import Points
from tests.kit.studio import ADMINISTRATOR, EDITOR, NAMESPACE, OTHER_NAMESPACE, VIEWER, Studio, studio
from tests.kit.studio_page import sign_in
from tests.kit.studio_runs import put_complete
from tests.kit.studio_servers import SAMPLES, serve_digits, serve_table

KEY = "a key of this test"
REFUSED = ("status of 400", "status of 401", "status of 403", "status of 404", "status of 413")
"""A browser reports every answer that is a refusal."""
LIST = f"{{}}/models?namespace={NAMESPACE}"
DIGITS, TABLE = (f"{{}}/models/{NAMESPACE}/{name}" for name in ("digits", "table"))
ONE, SEVEN = digits_model.DRAWN[1], digits_model.DRAWN[7]
SEEN = "The picture that the network saw"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Studio with the servers `digits` and `table`. The second one needs a key."""
    folder = tmp_path_factory.mktemp("studio")
    with (
        studio(folder) as app,
        serve_digits(app, folder / "digits"),
        serve_table(app, folder / "table", key=KEY),
    ):
        app.put_secret()
        yield app


def draw(page: Page, points: Points) -> None:
    box = page.get_by_role("application", name="Drawing pad").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def photograph(*digits: Points, side: int = 400) -> bytes:
    """Returns a photograph of digits on paper, beside each other."""
    picture = Image.new("RGB", (side * len(digits), side), "#ddd8cc")
    pen = ImageDraw.Draw(picture)
    for place, points in enumerate(digits):
        pen.line([((place + x) * side, y * side) for x, y in points], fill="#223355", width=side // 14, joint="curve")
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


def test_a_digit_is_drawn_by_keyboard_alone(chromium: Browser, app: Studio) -> None:
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        page.get_by_label("Token of Kubernetes").focus()
        page.keyboard.type(EDITOR)
        page.keyboard.press("Enter")
        card = page.get_by_role("article", name="digits")
        expect(card).to_contain_text("model.onnx")
        expect(card).to_contain_text("1 of 1 replica")
        assert_accessible(page, "models")
        tab_to(page, page.get_by_role("link", name="Try digits"))
        page.keyboard.press("Enter")
        pad = page.get_by_role("application", name="Drawing pad")
        expect(page.get_by_role("link", name="Models", exact=True)).to_have_attribute("aria-current", "true")
        tab_to(page, pad)
        assert_accessible(page, "model, pad with focus")
        page.keyboard.press("Space")
        for _ in range(15):
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        expect(page.locator(".found strong")).to_have_text("one")
        expect(page.locator("p[role=status]", has_text="one, ")).to_have_count(1)
        assert_accessible(page, "model, answer")
        page.keyboard.press("Delete")
        expect(page.get_by_text("Draw a digit, or choose a photograph of one.")).to_be_visible()


def test_drawings_and_photographs_have_answers(chromium: Browser, app: Studio) -> None:
    with opened(chromium, DIGITS.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="Draw a digit")).to_be_visible()
        draw(page, SEVEN)
        expect(page.locator(".found strong")).to_have_text("seven")
        expect(page.locator(".bars li")).to_have_count(3)
        expect(page.get_by_alt_text(SEEN)).to_have_js_property("naturalWidth", 28)
        row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="seven"))
        expect(row).to_be_visible()
        files = [
            {"name": name, "mimeType": "image/jpeg", "buffer": content}
            for name, content in (("<b>one.jpg", photograph(ONE)), ("words.jpg", b"no picture at all"))
        ]
        page.get_by_label("Choose photographs").set_input_files(files)  # type: ignore[arg-type]
        expect(page.locator(".answers h3")).to_have_text(["<b>one.jpg", "words.jpg"])
        expect(page.locator(".found strong")).to_have_text("one")
        expect(page.locator(".answers .refusal")).to_contain_text("not a JPEG, PNG or WebP")
        assert_accessible(page, "model, photographs")
        page.get_by_label("Several digits on one sheet").check()
        sheet = {"name": "sheet.jpg", "mimeType": "image/jpeg", "buffer": photograph(ONE, SEVEN, ONE)}
        page.get_by_label("Choose photographs").set_input_files(sheet)  # type: ignore[arg-type]
        expect(page.locator(".found strong")).to_have_text(["one", "seven", "one"])
        expect(page.locator(".box")).to_have_count(3)
        assert_accessible(page, "model, several digits")


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_photograph_is_dropped_or_pasted(chromium: Browser, app: Studio, event: str) -> None:
    with opened(chromium, DIGITS.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="Draw a digit")).to_be_visible()
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


def test_a_table_is_asked_with_the_key_of_its_server(chromium: Browser, app: Studio) -> None:
    with opened(chromium, TABLE.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        key = page.get_by_label("Key of the server")
        expect(key).to_be_focused()
        assert_accessible(page, "model, key")
        page.keyboard.type("another key of this test")
        page.keyboard.press("Enter")
        expect(key).to_have_value("")
        expect(page.get_by_role("button", name="Ask", exact=True)).to_have_count(0)
        key.fill(KEY)
        page.keyboard.press("Enter")
        expect(key).to_have_count(0)
        request = page.get_by_label("In JSON")
        expect(page.get_by_text("A stored sample of the training's data")).to_be_visible()
        request.press("Control+Enter")
        expect(page.locator(".bars .class")).to_have_text(["yes", "no"])
        assert_accessible(page, "model, answer to a request")
        table = page.get_by_label("Rows of a table")
        table.fill("1;2")
        page.get_by_role("button", name="Ask about the table").click()
        expect(page.get_by_role("alert")).to_contain_text("the model takes 3: 3 values of features")
        assert_accessible(page, "model, refused table")
        rows = "\n".join("\t".join(map(str, row)) for row in SAMPLES * 2)
        table.fill(f"a\tb\tc\n{rows}")
        page.get_by_role("button", name="Ask about the table").click()
        expect(page.locator(".greatest")).to_have_text(["0.970688", "0.880797"] * 2)
        assert_accessible(page, "model, answer to a table")
        csv = {"name": "one.csv", "mimeType": "text/csv", "buffer": b"0.5,-1.5,2\n"}
        page.get_by_label("Open a CSV file").set_input_files(csv)  # type: ignore[arg-type]
        expect(page.locator("p[role=status]", has_text="Answered: yes, 97.1 %")).to_have_count(1)
        request.fill('{"inputs": []}')
        request.press("Control+Enter")
        expect(page.locator(".answers .refusal")).to_contain_text("features")
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        page.get_by_role("link", name="All models").click()
        page.get_by_role("link", name="Try table").click()
        expect(page.get_by_label("In JSON")).to_be_visible()  # the tab has kept the key
        page.reload()
        expect(key).to_be_visible()
    assert KEY not in app.log.read_text()


def test_a_trained_model_is_deployed_from_the_list(chromium: Browser, app: Studio) -> None:
    put_complete(app, "trained")
    with opened(chromium, LIST.format(app.url), complains=REFUSED) as page:
        sign_in(page)
        page.get_by_role("button", name="Deploy trained").click()
        dialog = page.get_by_role("dialog")
        assert_accessible(page, "models, deploy")
        dialog.get_by_label("Name of the ModelServer").fill("fresh")
        dialog.get_by_label("It takes").select_option("Drawings and photographs of digits")
        dialog.get_by_role("button", name="Deploy").click()
        expect(page).to_have_url(f"{app.url}/models/{NAMESPACE}/fresh?namespace={NAMESPACE}")
        expect(page.get_by_text("The model does not answer now.")).to_be_visible()
        assert_accessible(page, "model, not ready")
        assert app.get("modelservers", "fresh")["spec"]["images"] == {"mode": "Digit"}
        app.delete("modelservers", "fresh")
        page.get_by_role("link", name="All models").click()
        expect(page.get_by_role("article", name="digits")).to_be_visible()
        expect(page.get_by_role("article", name="fresh")).to_have_count(0)
        page.get_by_role("searchbox").fill("table")
        expect(page.get_by_role("article")).to_have_count(1)


def test_a_viewer_reads_why_the_model_does_not_answer(chromium: Browser, app: Studio) -> None:
    with opened(chromium, DIGITS.format(app.url), complains=REFUSED) as page:
        sign_in(page, VIEWER)
        expect(page.get_by_text("services/proxy")).to_be_visible()
        assert_accessible(page, "model, viewer")


def test_a_namespace_without_models_shows_the_way_to_one(chromium: Browser, app: Studio) -> None:
    with opened(chromium, f"{app.url}/models?namespace={OTHER_NAMESPACE}", complains=REFUSED) as page:
        sign_in(page, ADMINISTRATOR)
        expect(page.get_by_role("heading", name=f"No models yet in {OTHER_NAMESPACE}")).to_be_visible()
        assert_accessible(page, "models, none")


@pytest.mark.parametrize("address", [LIST, DIGITS], ids=["list", "model"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_narrow_screen_needs_no_scrolling_to_the_side(
    chromium: Browser, app: Studio, address: str, *, dark: bool
) -> None:
    with opened(chromium, address.format(app.url), size=NARROW, dark=dark, complains=REFUSED) as page:
        sign_in(page)
        if address == DIGITS:
            expect(page.get_by_role("heading", name="Draw a digit")).to_be_visible()
            draw(page, SEVEN)
            expect(page.locator(".found strong")).to_have_text("seven")
        else:
            expect(page.get_by_role("article", name="digits")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]


def test_a_lost_connection_is_shown_and_the_next_drawing_has_its_answer(chromium: Browser, app: Studio) -> None:
    with opened(chromium, DIGITS.format(app.url), complains=(*REFUSED, "Failed to load resource")) as page:
        sign_in(page)
        expect(page.get_by_role("heading", name="Draw a digit")).to_be_visible()
        page.route("**/predict*", lambda route: route.abort())
        draw(page, ONE)
        expect(page.locator(".answers .refusal")).to_contain_text("Studio cannot be reached.")
        page.unroute("**/predict*")
        page.get_by_role("button", name="Clear").click()
        draw(page, SEVEN)
        expect(page.locator(".found strong")).to_have_text("seven")
