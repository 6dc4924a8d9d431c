"""A message too long for Telegram: pages that stay whole, or a document."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.content import Content, File, words_of
from bot.pages import NAME, PAGES_MAX, pages
from bot.sandbox.markup import written
from bot.views.layout import TEXT_MAX, Button, Text, plain, units

BUTTONS = ((Button("Status", "r|status"),),)


def htmls(found: tuple[Content, ...]) -> list[str]:
    return [words_of(page).html for page in found]


def test_what_fits_is_let_be() -> None:
    text = Text("<b>" + "x" * TEXT_MAX + "</b>", BUTTONS)
    assert pages(text) == (text,)


def test_lines_are_kept_whole_and_tags_closed_and_opened_again() -> None:
    lines = [f"line {number} " + "x" * 90 for number in range(60)]
    found = pages(Text("<b>head</b>\n<pre>" + "\n".join(lines) + "</pre>", BUTTONS))
    assert [type(page) for page in found] == [Text, Text]
    first, last = htmls(found)
    assert first.endswith("</pre>")
    assert last.startswith("<pre>line 41 ")
    assert [words_of(page).buttons for page in found] == [(), BUTTONS]
    shown = [line for page in (first, last) for line in plain(page).split("\n")]
    assert shown[1:] == lines


def test_attributes_of_a_tag_come_back_on_the_next_page() -> None:
    inner = "y" * (TEXT_MAX + 10)
    first, last = htmls(pages(Text(f"<blockquote expandable>{inner}</blockquote>")))
    assert first == f"<blockquote expandable>{'y' * TEXT_MAX}</blockquote>"
    assert last == f"<blockquote expandable>{'y' * 10}</blockquote>"


def test_more_than_three_pages_are_a_document_with_all_of_it() -> None:
    words = "&lt;tag&gt; " * (PAGES_MAX * TEXT_MAX // 6 + 1)
    (page,) = pages(Text(words, BUTTONS))
    assert isinstance(page, File)
    assert (page.name, page.content.decode()) == (NAME, plain(words))
    assert page.caption.buttons == BUTTONS
    assert page.caption.html.startswith("&lt;tag&gt; ")


def test_a_document_is_no_message_to_cut() -> None:
    file = File("a.csv", b"1", Text("x" * (TEXT_MAX + 1)))
    assert pages(file) == (file,)


PIECES = st.sampled_from(["&lt;", "&amp;", "\U0001f680", "é", "x" * 7, "\n", " ", "1000&lt;b&gt;"])


@given(st.lists(st.tuples(st.sampled_from(["", "b", "i", "code"]), PIECES), max_size=60))
def test_every_page_is_legal_and_nothing_is_lost(parts: list[tuple[str, str]]) -> None:
    markup = "".join(f"<{tag}>{words}</{tag}>" if tag else words for tag, words in parts)
    found = pages(Text(markup), 20)
    if isinstance(found[0], File):
        assert found[0].content.decode() == plain(markup)
        return
    for page in htmls(found):
        assert units(written(page, "HTML").text) <= 20 or len(found) == 1
    told = re.sub(r"\s", "", "".join(plain(page) for page in htmls(found)))
    assert told == re.sub(r"\s", "", plain(markup))


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_surrogate_pair_is_never_cut(limit: int) -> None:
    for page in pages(Text("\U0001f680" * 3), max(limit, 2)):
        words_of(page).html.encode("utf-16-le")  # raises on half a pair
