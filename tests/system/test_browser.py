"""Figures and knowledge checks as a reader meets them: in JupyterLab, in a real browser, in an untrusted notebook."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat import sign, v4
from waiting import PATIENT, until

from course_utils.exercises import quizzes
from course_utils.notebook import plots, source
from course_utils.notebook.display import Page

pytestmark = pytest.mark.browser

playwright_api = pytest.importorskip("playwright.sync_api", reason="the browser group is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ALT = "The share of late flights rises from morning to evening, to a third at ten o'clock."
CAPTION = "Made up for this test."


def figure() -> str:
    rising = pd.Series([0.1, 0.2, 0.33], index=[6, 14, 22])
    drawn = plots.lines(rising, title="Delays pile up through the day", x="scheduled hour [h]", y="share late")
    return plots.as_html(drawn, ALT, CAPTION)


def notebook() -> nbformat.NotebookNode:
    """Return a notebook that was run by somebody else: the outputs are there, and no trust in them."""
    question, two_answers = quizzes.load("K1.2"), quizzes.load("K4.2")
    pages = {
        "figure": Page(figure(), f"Figure: {ALT}"),
        "quiz": Page(quizzes.as_html(question), quizzes.as_text(question)),
        "two answers": Page(quizzes.as_html(two_answers), quizzes.as_text(two_answers)),
        "workflow": Page(
            plots.as_html(plots.workflow(), "Six boxes in two rows, joined by arrows, and a way back."), ""
        ),
        "source": Page(source.as_html(plots.as_png), source.source_of(plots.as_png)),
        "probe": Page("<p>probe</p><script>window.scripts_ran = true</script>", "probe"),
    }
    cells = [v4.new_markdown_cell("# A lesson")]
    for name, page in pages.items():
        shown = v4.new_output("display_data", data=page._repr_mimebundle_())
        cells.append(v4.new_code_cell(f"# {name}", execution_count=1, outputs=[shown]))
    kernel = {"name": "python3", "display_name": "Python 3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """Start JupyterLab with settings of its own; give the address of its notebooks, all but their ``{name}``."""
    folder = tmp_path_factory.mktemp("lab")
    root = folder / "root"
    for new in (root, folder / "data"):
        new.mkdir()
    nbformat.write(notebook(), root / "lesson.ipynb")
    nbformat.write(notebook(), root / "trusted.ipynb")
    # What signing does here, running the cells does for a reader.
    sign.NotebookNotary(data_dir=str(folder / "data")).sign(nbformat.read(root / "trusted.ipynb", as_version=4))
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    own |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
    environment = os.environ | {name: str(folder / place) for name, place in own.items()}
    token = secrets.token_hex(8)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}", "--LabApp.news_url=None"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env=environment) as server,
    ):
        try:
            address = _address(folder / "runtime", server, folder / "log")
            # A workspace for each: else the second page would open what the first one has open.
            yield f"{address}lab/workspaces/{{name}}/tree/{{name}}.ipynb?token={token}"
        finally:
            server.terminate()


def _address(runtime: Path, server: subprocess.Popen, log: Path) -> str:
    def written() -> list[str]:
        assert server.poll() is None, log.read_text()[-2000:]
        texts = [file.read_text() for file in runtime.glob("jpserver-*.json")]
        return [text for text in texts if text.endswith("}")]  # to its end

    (text,) = until(written, lambda: f"JupyterLab started: {log.read_text()[-2000:]}", every=0.2)
    return json.loads(text)["url"]


@pytest.fixture(scope="module")
def browser():
    """Start a browser."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with playwright_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS, timeout=1000 * PATIENT)
        yield started
        started.close()


def opened(browser, address: str):
    view = browser.new_page(viewport={"width": 1200, "height": 2600})
    view.set_default_timeout(1000 * PATIENT)
    view.goto(address)
    view.get_by_text("probe").first.wait_for()
    return view


@pytest.fixture(scope="module")
def page(browser, lab):
    """Open the notebook as somebody does who has not run it yet."""
    return opened(browser, lab.format(name="lesson"))


@pytest.fixture(scope="module")
def trusted(browser, lab):
    """Open the notebook as somebody does who has run it."""
    return opened(browser, lab.format(name="trusted"))


def test_scripts_run_only_in_the_notebook_that_is_trusted(page, trusted):
    """What follows is seen both by a reader of a fresh clone and by one who has run the lesson."""
    assert page.evaluate("window.scripts_ran") is None
    assert trusted.evaluate("window.scripts_ran") is True


def test_a_screen_reader_meets_the_words_of_a_figure(page):
    """Where I cannot see a figure, I hear its finding and its caption."""
    assert page.get_by_role("img", name=ALT).count() == 1
    figure = page.get_by_role("figure").filter(has=page.get_by_role("img", name=ALT))
    assert CAPTION in figure.aria_snapshot()
    assert page.get_by_role("img", name=ALT).evaluate("image => image.complete && image.naturalWidth") == 1024


def test_a_screen_reader_meets_question_options_and_folds(page):
    """I hear the question with its group of options, each with its own fold."""
    group = page.get_by_role("group", name=re.compile("K1.2 You train on the training set"))
    assert group.get_by_role("radio").count() == 2
    assert group.get_by_role("radio", name="a) Yes").count() == 1
    assert group.get_by_role("radio", name="b) No").count() == 1
    assert "Check option a" in group.aria_snapshot()
    assert not page.get_by_text("Each such choice leaks knowledge").is_visible()


def test_every_reason_can_be_opened_by_keyboard_before_anything_was_run(page):
    """I check an option without a mouse, and go on to the next."""
    right, other = "Each such choice leaks knowledge", "With each choice the test score improves"
    page.locator("summary", has_text="Check option a").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text(right).is_visible()
    assert not page.get_by_text(other).is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.get_by_text(other).is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_text("Right: a.").is_visible()


def test_one_answer_is_chosen_by_keyboard_once_the_cell_was_run(trusted):
    """I choose an option and change my mind with the arrow keys, and JupyterLab stays at this cell."""
    yes, no = (trusted.get_by_role("radio", name=name) for name in ("a) Yes", "b) No"))
    yes.focus()
    trusted.keyboard.press("Space")
    assert yes.is_checked()
    trusted.keyboard.press("ArrowDown")
    assert no.is_checked()
    assert not yes.is_checked()
    trusted.keyboard.press("ArrowUp")
    assert yes.is_checked()
    trusted.keyboard.press("Tab")
    trusted.keyboard.press("Enter")
    assert trusted.get_by_text("Each such choice leaks knowledge").is_visible()


def test_several_answers_are_ticked_by_keyboard_once_the_cell_was_run(trusted):
    """I tick two options, and take one tick back, all by keyboard."""
    first, second = (trusted.get_by_role("checkbox", name=re.compile(f"^{letter}[)] ")) for letter in "ab")
    for box in (first, second):
        box.focus()
        trusted.keyboard.press("Space")
    assert first.is_checked()
    assert second.is_checked()
    trusted.keyboard.press("Space")
    assert first.is_checked()
    assert not second.is_checked()


def test_source_keeps_its_colours(page):
    """I read code in colours in a notebook that nobody trusts."""
    keyword = page.locator("pre span", has_text=re.compile("^def$")).first
    assert keyword.evaluate("element => getComputedStyle(element).color") not in ("rgb(0, 0, 0)", "rgba(0, 0, 0, 0.87)")
