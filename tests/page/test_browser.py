"""The page in Chromium: what a person sees and does."""

from __future__ import annotations

import pytest

from keyscan.analysis import AnalysisWarning
from keyscan.errors import UnsupportedFormat
from keyscan.keys import KEYS, KeyStyle
from keyscan.output import shown
from keyscan.page import Entry, write_page
from tests.batch.results import analysed
from tests.page.names import STRANGE

MANY = 10_000


def names(page):
    return page.locator("#rows td.track > bdi:first-child").all_inner_texts()


def column(page, name):
    return page.locator(f"#rows td.{name}").all_inner_texts()


def sort_by(page, title):
    page.get_by_role("button", name=title, exact=True).click()


def choose(page, name):
    page.locator("#rows tr").filter(has_text=name).first.click()


def codes_of(page, attribute):
    cells = page.locator(f"#wheel .cell{attribute} .code")
    return sorted(cells.evaluate_all("cells => cells.map(cell => cell.textContent)"))


@pytest.fixture
def page(opened, report):
    return opened(report.path, viewport={"width": 1440, "height": 900})


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A page of 10,000 tracks in all keys; every hundredth failed, every fiftieth is drums."""
    path, entries = tmp_path_factory.mktemp("large") / "large.html", []
    for number in range(MANY):
        name, key = f"Folder {number % 40}/Track {number}.mp3", KEYS[number % 24].camelot
        parts = ((90.0, key), (30.0, None), (60.0, KEYS[number * 7 % 24].camelot))
        fields = {"confidence": number % 97 / 97, "duration": 60.0 + number, "parts": parts}
        result = analysed(f"/m/{name}", key, tonal=number % 50 != 1, **fields)
        if number % 100 == 99:
            result = UnsupportedFormat("There is no such format")
        entries.append(Entry(f"/m/{name}", name, result))
    write_page(path, "Large", entries, KeyStyle())
    return path


def test_the_table_has_every_file_with_its_key(page):
    shown_names = names(page)
    assert len(shown_names) == 7 + len(STRANGE)
    assert shown_names[:3] == ["2 Artist - Title.flac", "10 Relative.wav", "broken.mp3"]
    assert page.get_by_role("heading", level=1).inner_text() == "My <Müsic> & more"
    row = page.locator("#rows tr").filter(has_text="Far.wav")
    assert [row.locator(f".{name}").inner_text() for name in ("key", "musical", "mix")] == [
        "11A", "F#/Gb minor", "",
    ]  # fmt: skip
    assert page.locator("#rows tr").filter(has_text="broken.mp3").locator(".failed").is_visible()
    assert "1 failed" in page.locator("#facts").inner_text()


def test_strange_names_are_shown_as_the_table_of_the_command_shows_them(page):
    assert {shown(name) for name in STRANGE} <= set(names(page))
    assert page.locator("#rows img, #rows script").count() == 0


def test_columns_sort_up_down_and_back(page):
    given = names(page)
    for expected in ("ascending", "descending"):
        sort_by(page, "Key")
        head = page.locator("th.key")
        assert head.get_attribute("aria-sort") == expected
        ranks = [(int(code[:-1]), code[-1]) for code in chip_codes(page)]
        assert ranks == sorted(ranks, reverse=expected == "descending")
        assert column(page, "key")[-1] == "–"  # what has no key is last either way
    sort_by(page, "Key")
    assert names(page) == given
    sort_by(page, "Track")
    whole = names(page)
    assert whole.index("2 Artist - Title.flac") < whole.index("10 Relative.wav")


def chip_codes(page):
    return [text.strip("?") for text in page.locator("#rows .chip").all_inner_texts()]


def test_the_wheel_filters_by_key(page):
    page.get_by_role("button", name="8B, C major").click()
    assert set(chip_codes(page)) == {"8B"}
    assert codes_of(page, "[aria-pressed=true]") == ["8B"]
    page.get_by_role("button", name="11A, F#/Gb minor").click()
    assert set(chip_codes(page)) == {"8B", "11A"}
    page.get_by_role("button", name="8B, C major").click()
    assert set(chip_codes(page)) == {"11A"}
    page.get_by_role("button", name="Show all").click()
    assert len(names(page)) == 7 + len(STRANGE)
    assert codes_of(page, "[aria-pressed=true]") == []


def test_the_wheel_by_the_keyboard(page):
    page.locator("#wheel [tabindex='0']").focus()  # 1A
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert codes_of(page, "[aria-pressed=true]") == ["12A"]
    assert codes_of(page, "[tabindex='0']") == ["12A"]
    page.keyboard.press(" ")
    assert codes_of(page, "[aria-pressed=true]") == []


def test_names_are_searched_word_by_word_without_case_and_accents(page):
    page.get_by_label("Search names").fill("TITLÉ artist")
    assert names(page) == ["2 Artist - Title.flac"]
    assert page.locator("#count").inner_text() == f"1 of {7 + len(STRANGE)} tracks"
    page.get_by_label("Search names").fill("nothing like that")
    assert page.get_by_text("No track matches.").is_visible()


def test_kinds_of_tracks(page):
    show = page.get_by_label("Which tracks to show")
    for kind, expected in {"Failed: 1": "broken.mp3", "Without a key: 1": "Drums.wav",
                           "Change key (~): 1": "Modulation.flac"}.items():  # fmt: skip
        show.select_option(label=kind)
        assert names(page) == [expected]


def test_the_chosen_track_has_its_key_over_time(page):
    choose(page, "Modulation.flac")
    details = page.get_by_role("complementary", name="The chosen track")
    assert details.get_by_role("heading", level=2).inner_text() == "Modulation.flac"
    assert details.locator(".strip span").all_inner_texts() == ["8B", "12B"]
    boxes = [part.bounding_box() for part in details.locator(".strip span").all()]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], rel=0.2)
    assert details.locator("ol .chip").all_inner_texts() == ["8B", "12B"]
    label = details.locator(".strip").get_attribute("aria-label")
    assert label.startswith(("0:00–0:2", "0:00–0:3"))  # the boundary, within a few seconds
    assert "12B" in label
    colours = [
        part.evaluate("part => getComputedStyle(part).backgroundColor")
        for part in details.locator(".strip span").all()
    ]
    assert len(set(colours)) == 2


def test_which_tracks_mix_with_the_chosen_one(page):
    choose(page, "2 Artist - Title.flac")  # 8A
    assert codes_of(page, ".mixes") == ["10A", "3A", "7A", "8A", "8B", "9A"]
    mixes = dict(zip(names(page), mix_of_rows(page), strict=True))
    assert {name: mixes[name] for name in ("10 Relative.wav", "Fifth.wav", "Far.wav")} == {
        "10 Relative.wav": "relative", "Fifth.wav": "+1", "Far.wav": "",
    }  # fmt: skip
    page.get_by_role("button", name="Show only tracks that mix with it").click()
    assert "Far.wav" not in names(page)
    assert names(page)[0] == "2 Artist - Title.flac"
    assert names(page)[-1] == "Fifth.wav"  # the closest come first
    choose(page, "Fifth.wav")  # the list stays that of the first one
    assert "2 Artist - Title.flac" in names(page)
    page.get_by_role("button", name="Mixes with 2 Artist - Title.flac: show others too").click()
    assert "Far.wav" in names(page)


def mix_of_rows(page):
    rows = page.locator("#rows tr").all()
    return [row.locator(".mix").inner_text() if row.locator(".mix").count() else "" for row in rows]


def test_a_failed_track_tells_why_and_mixes_with_nothing(page):
    choose(page, "broken.mp3")
    assert "Failed: " in page.locator("#details").inner_text()
    assert "(unsupported_format)" in page.locator("#details").inner_text()
    assert codes_of(page, ".mixes") == []


def test_rows_by_the_keyboard(page):
    table = page.get_by_role("grid")
    table.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert selected(page) == ["10 Relative.wav"]
    row = page.locator(f"#{table.get_attribute('aria-activedescendant')}")
    assert row.get_attribute("aria-rowindex") == "3"
    page.keyboard.press("End")
    last = selected(page)
    page.keyboard.press("ArrowDown")
    assert selected(page) == last == names(page)[-1:]
    page.keyboard.press("Home")
    assert selected(page) == names(page)[:1]


def selected(page):
    return page.locator("#rows tr[aria-selected=true] .track > bdi").first.all_inner_texts()


def test_a_doubtful_key_has_a_question_mark(opened, tmp_path):
    result = analysed("/m/a.mp3", "8A", confidence=0.15, parts=((200.0, "8A"),))
    write_page(tmp_path / "a.html", "Music", [Entry("/m/a.mp3", "a.mp3", result)], KeyStyle())
    page = opened(tmp_path / "a.html")
    assert column(page, "key") == ["8A?"]
    choose(page, "a.mp3")
    assert "15%, doubtful" in page.locator("#details").inner_text()


@pytest.fixture
def warned(opened, tmp_path):
    """A page with one track that has a warning and many parts; gets the size of the window."""
    warnings = (AnalysisWarning("phase", "the channels cancel each other in mono"),)
    parts = tuple((20.0, key.camelot) for key in KEYS)
    result = analysed("/m/a.mp3", "8A", parts=parts, warnings=warnings)
    write_page(tmp_path / "a.html", "Music", [Entry("/m/a.mp3", "a.mp3", result)], KeyStyle())
    return lambda width, height: opened(
        tmp_path / "a.html", viewport={"width": width, "height": height}
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_warning_is_in_sight_right_below_the_key(warned, width, height):
    page = warned(width, height)
    choose(page, "a.mp3")
    warning = page.locator("#details .warning")
    assert warning.inner_text() == "! the channels cancel each other in mono"
    assert page.locator("#details p:has(.chip) + .warning").count() == 1
    box = warning.bounding_box()
    assert box["y"] + box["height"] <= height


def close_by_button(page):
    page.get_by_role("button", name="Close").click()


def close_by_escape(page):
    page.keyboard.press("Escape")


def close_by_the_row(page):
    choose(page, "a.mp3")


@pytest.mark.parametrize("close", [close_by_button, close_by_escape, close_by_the_row])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_details_close(warned, close, width, height):
    page = warned(width, height)
    details = page.locator("#details")
    for _ in range(2):
        choose(page, "a.mp3")
        assert details.get_by_role("heading", level=2).inner_text() == "a.mp3"
        close(page)
        assert details.inner_text().startswith("Choose a track")
        assert page.locator("[aria-selected=true], .mixes").count() == 0
    page.keyboard.press("ArrowDown")  # the table has the focus
    assert selected(page) == ["a.mp3"]


def test_the_close_button_stays_in_sight(warned):
    page = warned(390, 844)
    choose(page, "a.mp3")
    details = page.locator("#details")
    details.evaluate("details => details.scrollTop = details.scrollHeight")
    outer, inner = details.bounding_box(), page.get_by_role("button", name="Close").bounding_box()
    assert outer["y"] <= inner["y"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    assert outer["x"] + outer["width"] >= inner["x"] + inner["width"]


def test_escape_in_a_search_clears_the_search_first(warned):
    page = warned(1280, 800)
    choose(page, "a.mp3")
    search = page.get_by_label("Search names")
    search.fill("a.mp3")
    search.press("Escape")
    assert search.input_value() == ""
    assert page.locator("#details h2").is_visible()
    search.press("Escape")
    assert page.locator("#details h2").count() == 0


INSIDE = """cell => {  // whether the letters of the label lie inside the cell's line
  const code = cell.querySelector(".code"), { x, width } = code.getBBox();
  const foot = Number(code.getAttribute("y"));
  const head = foot - 0.73 * parseFloat(getComputedStyle(code).fontSize);
  return [x, x + width].every((across) => [head, foot].every((down) =>
    cell.querySelector(".inside").isPointInFill(new DOMPoint(across, down))));
}"""


@pytest.mark.parametrize("notation", ["camelot", "openkey"])
def test_labels_on_the_wheel_stay_inside_their_cells(opened, tmp_path, notation):
    write_page(tmp_path / "a.html", "Music", [], KeyStyle(notation))
    cells = opened(tmp_path / "a.html").locator("#wheel .cell").all()
    assert len(cells) == 24
    assert [cell.text_content() for cell in cells if not cell.evaluate(INSIDE)] == []


@pytest.mark.parametrize("entries", [[], [Entry("/m/a", "a", UnsupportedFormat("No format"))]])
def test_a_library_without_a_track(opened, tmp_path, entries):
    write_page(tmp_path / "a.html", "Music", entries, KeyStyle(), not_reached=2)
    page = opened(tmp_path / "a.html")
    assert len(names(page)) == len(entries)
    assert "2 not reached" in page.locator("#facts").inner_text()
    page.get_by_role("button", name="8A, A minor").click()
    assert page.get_by_text("No track matches.").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_as_the_system_is(opened, report, scheme):
    page = opened(report.path, color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 22, 27)"}[scheme]


@pytest.mark.parametrize("width", [320, 390, 800, 1200, 1920])
def test_no_width_needs_scrolling_sideways(opened, report, width):
    page = opened(report.path, viewport={"width": width, "height": 800})
    choose(page, "Modulation.flac")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("track", "key", "sure"):
        box = page.locator(f"#rows td.{name}").first.bounding_box()
        assert box["x"] >= 0
        assert box["width"] > 40
        assert box["x"] + box["width"] <= width


def test_ten_thousand_tracks_are_a_few_rows_at_a_time(opened, large):
    page = opened(large, viewport={"width": 1440, "height": 900})
    assert page.locator("#count").inner_text() == "10,000 of 10,000 tracks"
    assert page.locator("#rows tr").count() < 60
    page.locator("#scroller").evaluate("scroller => scroller.scrollTop = scroller.scrollHeight")
    page.locator("#rows tr").filter(has_text="Track 9999.mp3").wait_for()
    assert page.locator("#rows tr").count() < 60
    page.locator("#scroller").evaluate("scroller => scroller.scrollTop /= 2")
    page.locator("#rows tr").filter(has_text="Track 5000.mp3").wait_for()
    rows = page.locator("#rows tr")
    assert rows.first.get_attribute("aria-rowindex") == str(number_of(names(page)[0]) + 2)


def number_of(name):
    return int(name.split()[1].removesuffix(".mp3"))


def test_ten_thousand_tracks_are_sorted_and_filtered_as_a_whole(opened, large):
    page = opened(large, viewport={"width": 1440, "height": 900})
    sort_by(page, "Length")
    sort_by(page, "Length")
    assert names(page)[:2] == ["Track 9998.mp3", "Track 9997.mp3"]
    page.get_by_role("button", name="1A, Ab/G# minor").click()
    expected = [n for n in range(0, MANY, 24) if n % 50 != 1 and n % 100 != 99]
    assert page.locator("#count").inner_text() == f"{len(expected)} of 10,000 tracks"
    page.get_by_label("Search names").fill("track 99")
    found = [n for n in reversed(expected) if "99" in str(n)]
    assert [number_of(name) for name in names(page)] == found
    page.get_by_role("grid").focus()
    page.keyboard.press("End")
    assert selected(page) == names(page)[-1:]
