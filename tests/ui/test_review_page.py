"""The review page in Chromium: 200 images by keyboard with a killed server, two people, undo, a phone, and axe."""

import os
import signal
import subprocess
import sys

import pytest
import requests

from data.base.paths import PROJECT_ROOT
from data.review.reviewers import open_log, reviews_folder
from tests.support.browser import BROWSER, UI_MARKS, list_grave, sync_api
from tests.support.review_factory import make_audited_workspace, read_lines
from tests.support.seed_format import CLASSES
from tests.support.up_command import free_port, wait_until

IMAGES = 210
WIDTH = 1280

pytestmark = UI_MARKS


class Server:
    """`emotion review` in its own process, which can be killed and started again on its port."""

    def __init__(self, workspace):
        self.workspace, self.port = workspace, free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self):
        environment = {**os.environ, "EMOTION_WORKSPACE": str(self.workspace), "PYTHONPATH": str(PROJECT_ROOT)}
        command = [sys.executable, "-m", "flows.cli.app", "review", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
        wait_until(self.answers, 120)

    def answers(self):
        assert self.process.poll() is None
        try:
            return requests.get(f"{self.url}health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("review") / "workspace"
    started = Server(make_audited_workspace(root, images_per_class={"train": 60}, suspects=IMAGES))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, server):
    """Return a function that opens the page, as a person if one is named."""
    contexts = []

    def open_page(name="", context=None, width=WIDTH, **choices):
        context = context or browser.new_context(viewport={"width": width, "height": 860}, **choices)
        contexts.append(context)
        page = context.new_page()
        page.asked, page.faults = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(server.url)
        page.locator("#begin").wait_for()
        if name:
            page.fill("#name", name)
            page.keyboard.press("Enter")
            page.locator("#stage img").wait_for()
            page.wait_for_function("() => arrived")
        return page

    yield open_page
    for context in contexts:
        context.close()


def shown(page):
    return page.evaluate("() => shown")


def wait_until_saved(page):
    page.wait_for_function("() => !waiting.length", timeout=30_000)


def answers(server, name):
    return {picture: line.choice for picture, line in open_log(server.workspace, name).history.answers().items()}


def test_200_images_by_keyboard_with_a_killed_server_lose_nothing(visit, server):
    page, given = visit("anna"), {}
    for number in range(200):
        picture, choice = shown(page), number % len(CLASSES)
        assert picture and picture not in given, f"image {number} is missing or asked twice"
        given[picture] = CLASSES[choice]
        page.keyboard.press(str(choice + 1))
        if number == 99:
            server.kill()
        if number == 109:
            page.locator("#waiting p").get_by_text("wait in this browser").wait_for()
            server.start()
    wait_until_saved(page)
    assert answers(server, "anna") == given
    lines = read_lines(reviews_folder(server.workspace) / "anna.jsonl")
    assert [line["pixel_sha256"] for line in lines] == list(given)
    page.locator("#waiting").wait_for(state="hidden")
    assert page.locator("#counts").inner_text() == f"200 of {IMAGES} answered"
    assert "images an hour" in page.locator("#pace").inner_text()
    assert page.faults == []
    for _ in range(IMAGES - 200):
        page.keyboard.press("x")
    page.get_by_text("All images are answered").wait_for()
    page.get_by_role("button", name="Undo the last answer").click()
    page.locator("#stage img").wait_for()


def test_answers_that_wait_survive_a_reload(visit, server):
    page = visit("waiter")
    pictures = []
    server.kill()
    for key in "123":
        pictures.append(shown(page))
        page.keyboard.press(key)
    page.locator("#waiting p").get_by_text("3 answers wait").wait_for()
    context = page.context
    page.close()
    assert answers(server, "waiter") == {}
    server.start()
    again = visit("waiter", context)
    wait_until_saved(again)
    assert answers(server, "waiter") == dict(zip(pictures, CLASSES, strict=False))
    assert shown(again) not in pictures


def test_an_answer_is_taken_back_even_after_a_reload(visit, server):
    page = visit("undoer")
    first = shown(page)
    page.keyboard.press("h")
    second = shown(page)
    page.keyboard.press("s")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == second
    page.keyboard.press("3")
    wait_until_saved(page)
    assert answers(server, "undoer") == {first: "happy", second: "sad"}
    again = visit("undoer", page.context)
    again.keyboard.press("Control+z")
    assert shown(again) == second
    again.keyboard.press("Backspace")
    assert shown(again) == first
    wait_until_saved(again)
    assert answers(server, "undoer") == {}
    assert again.locator("#undo").is_disabled()


def test_a_skipped_image_comes_again_and_keys_do_not_repeat(visit, server):
    page = visit("skipper")
    first = shown(page)
    page.keyboard.press("Space")
    second = shown(page)
    assert second != first
    page.keyboard.down("1")
    page.keyboard.down("1")  # as a key that is held sends it
    page.keyboard.up("1")
    wait_until_saved(page)
    assert answers(server, "skipper") == {second: "happy"}
    assert open_log(server.workspace, "skipper").history.current()[first].kind == "skip"
    assert page.locator("#counts").inner_text() == f"1 of {IMAGES} answered, 1 skipped"


def test_two_people_are_blind_and_their_agreement_is_shown(visit, server):
    one, other = visit("first"), visit("second")
    assert shown(one) == shown(other)
    for number in range(12):
        one.keyboard.press(str(number % 3 + 1))
        other.keyboard.press("1" if number == 0 else str(number % 3 + 1))
    other.keyboard.press("ArrowLeft")
    other.keyboard.press("x")
    wait_until_saved(one)
    wait_until_saved(other)
    page = visit("third")
    assert "first" not in page.evaluate("() => JSON.stringify(history)")
    page.locator("#agreement summary").click()
    row = page.locator("#pairs tr", has_text="first and second").inner_text().split()
    assert row == ["first", "and", "second", "12", "92", "%", "0.88"]


def test_what_is_known_is_folded_away_until_asked_for(visit, server):
    page = visit("asker")
    before = page.locator("#work").inner_text()
    assert page.locator("#information").is_hidden()
    assert "Published" not in before
    assert not [url for url in page.asked if "/information/" in url]
    page.keyboard.press("i")
    page.locator(".similar img").first.wait_for()
    text = page.locator("#information").inner_text()
    assert "Published as" in text and "70 %" in text and "train/happy/" in text
    page.keyboard.press("2")
    assert page.locator("#information").is_hidden()
    page.keyboard.press("2")
    wait_until_saved(page)
    lines = read_lines(reviews_folder(server.workspace) / "asker.jsonl")
    assert [line["informed"] for line in lines] == [True, False]


def test_the_next_images_are_there_before_they_are_asked_for(visit):
    page = visit("fast")
    page.wait_for_function("() => queue.slice(0, 10).every(picture => images.get(picture)?.complete)")
    page.keyboard.press("1")
    assert page.evaluate("() => document.querySelector('#stage img').naturalWidth") == 48
    assert page.locator("#answers button", has_text="happy").get_attribute("class") == "given"


def test_buttons_work_with_a_pointer_and_with_the_keyboard(visit, server):
    page = visit("clicker")
    first = shown(page)
    page.get_by_role("button", name="neutral").click()
    page.keyboard.press("Space")  # the button has given up the focus, so this skips
    second_skipped = open_log(server.workspace, "clicker")
    page.locator("#answers button").nth(3).focus()
    third = shown(page)
    page.keyboard.press("Enter")
    wait_until_saved(page)
    assert second_skipped.refresh().answers().keys() == {first, third}
    assert answers(server, "clicker") == {first: "neutral", third: "surprise"}
    page.locator("#zoom").click()
    assert page.locator("#zoom").get_attribute("aria-pressed") == "true"


def test_single_keys_can_be_switched_off(visit):
    page = visit("mute")
    first = shown(page)
    page.get_by_text("Keys", exact=True).click()
    page.uncheck("#single")
    page.locator("body").press("1")
    assert shown(page) == first


def test_a_screen_reader_hears_what_happened(visit):
    page = visit("listener")
    page.keyboard.press("4")
    assert page.locator("#said").inner_text() == f"Last: surprise. Image 2 of {IMAGES}."
    page.keyboard.press("ArrowLeft")
    assert "Taken back: surprise" in page.locator("#said").inner_text()


def test_a_wrong_name_is_explained(visit):
    page = visit()
    page.fill("#name", "../anna")
    page.keyboard.press("Enter")
    assert "Choose a name" in page.locator("#trouble").inner_text()
    assert page.locator("#work").is_hidden()


def test_it_asks_for_nothing_from_elsewhere(visit, server):
    page = visit("homebody")
    page.keyboard.press("i")
    page.locator(".similar img").first.wait_for()
    assert [url for url in page.asked if not url.startswith((server.url, "data:"))] == []
    assert page.context.cookies() == []


def test_on_a_phone_everything_is_large_and_fits(visit, server):
    page = visit("phone", width=390, has_touch=True, is_mobile=True)
    first = shown(page)
    buttons = page.locator("#choices button, .tools button")
    boxes = [buttons.nth(place).bounding_box() for place in range(buttons.count())]
    assert all(box["height"] >= 44 and box["width"] >= 100 for box in boxes)
    assert max(box["y"] + box["height"] for box in boxes) <= 860, "an answer needs no scrolling"
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    stage, image = (page.locator(one).bounding_box() for one in ("#stage", "#stage img"))
    assert image["height"] <= stage["height"]
    page.get_by_role("button", name="sad").tap()
    wait_until_saved(page)
    assert answers(server, "phone") == {first: "sad"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, WIDTH])
def test_axe_finds_nothing_serious_and_the_page_fits(visit, scheme, width):
    start = visit(width=width, color_scheme=scheme, bypass_csp=True)  # axe itself is a script from elsewhere
    assert list_grave(start) == []
    page = visit("tester", width=width, color_scheme=scheme, bypass_csp=True)
    page.keyboard.press("1")
    page.keyboard.press("i")
    page.locator(".similar img").first.wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    assert list_grave(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
