"""The champion's page in Chromium: photos, the camera, bad files, a phone, the keyboard, and nothing from elsewhere."""

import numpy as np
import pytest
from PIL import Image

from data.review.feedback import FeedbackStore, read_feedback
from tests.support.browser import BROWSER, UI_MARKS, list_grave, sync_api
from tests.support.served import served
from tests.support.shade_predictor import ShadePredictor, picture

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WIDTH = 1280

pytestmark = UI_MARKS


@pytest.fixture(scope="module")
def service():
    with served(ShadePredictor) as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", *CAMERA])
        yield started
        started.close()


@pytest.fixture
def visit(browser, service):
    """Return a function that opens the page; the page has the addresses that it asked for and what it complained of."""
    contexts = []

    def open_page(width=WIDTH, **choices):
        context = browser.new_context(viewport={"width": width, "height": 900}, **choices)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(str(service.base_url))
        page.locator("#model").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def photos(tmp_path):
    """Return the paths of a sure, an uncertain and a broken picture."""
    paths = [tmp_path / name for name in ("sure.png", "unsure.png", "broken.jpg")]
    for path, content in zip(paths, (picture(250, 400), picture(130, 400), b"<svg xmlns='x'>"), strict=True):
        path.write_bytes(content)
    return paths


def upload(page, paths):
    page.set_input_files("#files", paths)
    page.locator("#answers .photo").nth(len(paths) - 1).wait_for()


def test_a_photo_gets_bars_and_both_certainties(visit, photos):
    page = visit()
    upload(page, photos[:1])
    face = page.locator(".face")
    assert face.locator(".said").inner_text().split() == ["1", "light"]
    assert face.locator(".bars li").all_inner_texts()[0].split() == ["light", "98", "%"]
    widths = face.locator(".fill").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert widths[0] > 20 * widths[1]
    assert "That this is a face: 90 %. That it shows light: 98 %." in face.inner_text()
    assert "uncertain" not in face.inner_text()
    assert page.locator("#said").inner_text() == "sure.png: light 98 %"
    assert page.locator("#answers canvas").get_attribute("aria-label") == "face 1: light 98 %"
    assert page.faults == []


def test_an_uncertain_answer_says_why(visit, photos):
    page = visit()
    upload(page, photos[1:2])
    text = page.locator(".face").inner_text()
    assert "uncertain" in text
    assert "51 % for the most probable expression, expected at least 60 %" in text


def test_the_box_is_drawn_on_the_picture(visit, photos):
    page = visit()
    upload(page, photos[:1])
    pixels = page.locator("#answers canvas").evaluate(
        "canvas => [[0, 200], [200, 200]].map(place => [...canvas.getContext('2d').getImageData(...place, 1, 1).data])"
    )
    assert pixels[0] == [245, 179, 1, 255]
    assert pixels[1] == [250, 250, 250, 255]


def test_a_bad_file_gets_a_sentence_and_the_others_their_answers(visit, photos):
    page = visit()
    upload(page, [photos[2], photos[0]])
    texts = page.locator("#answers .photo").all_inner_texts()
    assert "light" in texts[0]
    assert (
        "expected" in texts[1] and "face" not in page.locator("#answers .photo").nth(1).locator("div").all_inner_texts()
    )
    assert page.locator("#answers .photo").nth(1).locator(".note.critical").is_visible()


def test_where_the_network_looked_is_shown(visit, tmp_path):
    face = np.full((400, 400), 60, np.uint8)
    face[20:120, 260:380] = 255
    Image.fromarray(face).save(tmp_path / "corner.png")
    page = visit()
    upload(page, [tmp_path / "corner.png"])
    page.get_by_role("button", name="Show where the network looked").click()
    page.locator(".looked canvas").wait_for()
    assert "the probability of dark falls" in page.locator(".looked").inner_text()
    values = page.locator(".looked canvas").evaluate(
        "canvas => [[.8, .17], [.2, .8]].map(place => [...canvas.getContext('2d').getImageData("
        "place[0] * canvas.width, place[1] * canvas.height, 1, 1).data])"
    )
    assert values[0][2] > values[0][0] + 30  # covering the light corner makes dark more probable: blue
    assert values[1][0] > values[1][2]  # covering a dark part: orange
    assert page.faults == []


def test_the_camera_needs_consent_sends_while_it_is_on_and_stops(visit):
    page = visit()
    assert page.locator("#start").is_disabled()
    assert not [url for url in page.asked if "predict" in url]
    page.check("#agreed")
    page.click("#start")
    page.locator("#camera-answer .face").wait_for()
    page.wait_for_timeout(1000)
    assert len([url for url in page.asked if "predict" in url]) >= 2
    assert page.evaluate("() => stream.getTracks()[0].readyState") == "live"
    tracks = page.evaluate_handle("() => stream.getTracks()[0]")
    page.keyboard.press("Enter")  # the button that stops has the focus
    assert page.locator("#camera-section").is_hidden()
    assert tracks.evaluate("track => track.readyState") == "ended"
    assert page.locator("#start").is_disabled()
    page.wait_for_timeout(300)
    sent = len([url for url in page.asked if "predict" in url])
    page.wait_for_timeout(1000)
    assert len([url for url in page.asked if "predict" in url]) == sent
    assert page.faults == []


def test_the_camera_stops_when_the_page_is_hidden(visit):
    page = visit()
    page.check("#agreed")
    page.click("#start")
    page.locator("#camera-answer .face").wait_for()
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {value: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    assert page.evaluate("() => stream") is None


def test_a_photo_can_be_dropped_and_pasted(visit):
    page = visit()
    for number, kind in enumerate(("drop", "paste"), start=1):
        page.evaluate(
            """async ([kind, bytes]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([Uint8Array.from(bytes)], kind + ".png", {type: "image/png"}));
              const made = kind === "drop" ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true})
                : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
              document.body.dispatchEvent(made);
            }""",
            [kind, list(picture(250, 400))],
        )
        page.locator("#answers .photo").nth(number - 1).wait_for()
    assert page.locator("#answers h3").all_inner_texts() == ["paste.png", "drop.png"]


def test_the_keyboard_reaches_everything_in_turn(visit, photos):
    page = visit()
    upload(page, photos[:1])
    reached = []
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()"))
    assert reached[:5] == ["files", "agreed", "Show where the network looked", "clear", "law-link"]
    page.locator("#agreed").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.id") == "start"


def test_it_says_what_the_model_is_and_what_the_law_bans(visit):
    page = visit()
    text = page.locator("main").inner_text()
    assert "80.0 % of 400 validation images (95 % interval 76.0 % to 84.0 %)" in text
    assert "Article 5(1)(f)" in text
    assert "none is stored" in text
    assert "It does not say what the person feels" in page.locator("header").inner_text()
    assert "shade/1" in page.locator("#version").inner_text()


def test_it_asks_for_nothing_from_elsewhere_and_keeps_nothing(visit, photos, service):
    page = visit()
    upload(page, photos)
    own = str(service.base_url)
    assert [url for url in page.asked if not url.startswith((own, "data:", "blob:"))] == []
    assert page.context.cookies() == []
    assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, WIDTH])
def test_axe_finds_nothing_serious_and_the_page_fits(visit, photos, scheme, width):
    page = visit(width, color_scheme=scheme, bypass_csp=True)  # axe itself is a script from elsewhere
    upload(page, photos)
    page.get_by_role("button", name="Show where the network looked").first.click()
    page.locator(".looked canvas").wait_for()
    assert list_grave(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_wrong_cannot_be_said_where_that_is_off(visit, photos):
    page = visit()
    upload(page, photos[:1])
    assert page.get_by_role("button", name="This is wrong").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (WIDTH, "light")])
def test_a_wrong_answer_is_called_wrong(browser, photos, tmp_path, width, scheme):
    with served(ShadePredictor, feedback=FeedbackStore(tmp_path)) as client:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
        page.goto(str(client.base_url))
        page.locator("#model").wait_for()
        assert "Nothing is stored unless you call an answer wrong" in page.locator("#privacy").inner_text()
        upload(page, photos[:1])
        page.get_by_role("button", name="This is wrong").click()
        text = page.locator(".right").inner_text()
        assert "48x48 pixels" in text and "are stored on the machine" in text
        assert page.locator(".right button").all_inner_texts() == [
            "dark",
            "another expression",
            "no face",
            "Do not send",
        ]
        assert list_grave(page) == []
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Do not send").click()
        assert read_feedback(tmp_path) == []
        page.keyboard.press("Enter")  # the button has the focus again
        page.get_by_role("button", name="dark").click()
        page.get_by_text("Stored: dark. Thank you.").wait_for()
        assert [(one.choice, one.answered) for one in read_feedback(tmp_path)] == [("dark", "light")]
        page.close()


def test_a_service_without_a_champion_says_so(browser):
    from tests.support.served import Registry

    with served(None, registry=Registry(None, version=0)) as client:
        page = browser.new_page()
        page.goto(str(client.base_url))
        page.get_by_text("no champion yet").wait_for()
        page.close()
