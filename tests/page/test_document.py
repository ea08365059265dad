"""The page's file: complete in itself, and written whole or not at all."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from keyscan.errors import DamagedInstallation, PageNotWritten
from keyscan.keys import KeyStyle
from keyscan.page import Entry, check_page, document, write_page
from keyscan.page.document import page_text
from tests.batch.results import analysed
from tests.page.names import STRANGE

STYLE = KeyStyle()
ENTRIES = [Entry("/m/a.mp3", "a.mp3", analysed("/m/a.mp3"))]


class Elements(HTMLParser):
    """The elements of a page and the text in each script."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.scripts = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.attributes += attributes

    def handle_data(self, text):
        if self.names and self.names[-1] == "script" and text.strip():
            self.scripts.append(text)


def test_nothing_is_loaded_from_elsewhere():
    page = page_text("Music", ENTRIES, STYLE)
    elements = Elements(page)
    loading = [(name, value) for name, value in elements.attributes if name in ("src", "href")]
    assert loading == [("href", "data:,")]  # the icon that browsers would ask a server for
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page)
    assert "default-src 'none'" in page
    assert "$" not in page.split("<style>")[0]


@pytest.mark.parametrize("name", [*STRANGE, "</script><b>", "</title><script>x</script>"])
def test_no_name_becomes_an_element(name):
    entries = [Entry(f"/m/{name}", name, analysed(f"/m/{name}"))]
    plain, strange = (
        Elements(page_text(title, found, STYLE))
        for title, found in (("Music", ENTRIES), (name, entries))
    )
    assert strange.names == plain.names
    assert len(strange.scripts) == len(plain.scripts) == 2


def test_the_same_library_gives_the_same_bytes(tmp_path):
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, "\udcff Müsic", ENTRIES, STYLE)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert r"<title>\xff Müsic</title>" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_where_there_can_be_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere" / "a.html"):
        for write in (check_page, lambda path: write_page(path, "Music", ENTRIES, STYLE)):
            with pytest.raises(PageNotWritten, match=f"{path.name} cannot be written: "):
                write(path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_installation_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "_FOLDER", tmp_path)
    with pytest.raises(DamagedInstallation, match=r"page\.html: .*: install the analyzer again"):
        check_page(tmp_path / "a.html")


def test_a_check_leaves_nothing_and_changes_nothing(tmp_path):
    old = tmp_path / "old.html"
    old.write_text("old")
    for path in (old, tmp_path / "new.html"):
        check_page(path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
