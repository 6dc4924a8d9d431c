"""bot.sandbox.markup: Telegram's HTML subset, refused in Telegram's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.markup import ENTITIES_MAX, Entity, Formatted, spoken, utf16_len, written
from bot.sandbox.wire import Refused


def parsed(html: str) -> Formatted:
    return written(html, "HTML")


TAKEN = {
    "<b>x</b>": (Entity("bold", 0, 1), "<b>x</b>"),
    "<strong>x</strong>": (Entity("bold", 0, 1), "<b>x</b>"),
    "<EM>x</em>": (Entity("italic", 0, 1), "<i>x</i>"),
    "<ins>x</ins>": (Entity("underline", 0, 1), "<u>x</u>"),
    "<del>x</del>": (Entity("strikethrough", 0, 1), "<s>x</s>"),
    "<code>x</code>": (Entity("code", 0, 1), "<code>x</code>"),
    "<pre>x</pre>": (Entity("pre", 0, 1), "<pre>x</pre>"),
    '<pre><code class="language-py">x</code></pre>': (
        Entity("pre", 0, 1, language="py"),
        '<pre class="language-py">x</pre>',
    ),
    "<pre><code>x</code></pre>": (Entity("pre", 0, 1), "<pre>x</pre>"),
    "<blockquote>x</blockquote>": (Entity("blockquote", 0, 1), "<blockquote>x</blockquote>"),
    "<blockquote expandable>x</blockquote>": (
        Entity("expandable_blockquote", 0, 1),
        '<blockquote expandable="">x</blockquote>',
    ),
    "<tg-spoiler>x</tg-spoiler>": (Entity("spoiler", 0, 1), "<tg-spoiler>x</tg-spoiler>"),
    "<span class='tg-spoiler'>x</span>": (
        Entity("spoiler", 0, 1),
        "<tg-spoiler>x</tg-spoiler>",
    ),
    "<a href=https://a.invalid/?b&amp;c>x</>": (
        Entity("text_link", 0, 1, url="https://a.invalid/?b&c"),
        '<a href="https://a.invalid/?b&amp;c">x</a>',
    ),
    '<tg-time unix="1760000000" format="wDT">x</tg-time>': (
        Entity("date_time", 0, 1, unix_time=1760000000, date_time_format="wDT"),
        '<tg-time unix="1760000000" format="wDT">x</tg-time>',
    ),
}


@pytest.mark.parametrize("html", TAKEN)
def test_a_tag_becomes_an_entity_and_clean_html(html: str) -> None:
    entity, expected = TAKEN[html]

    found = parsed(html)

    assert found == Formatted("x", (entity,))
    assert found.html == expected


REFUSED = {
    "<b>x": 'Can\'t find end tag corresponding to start tag "b"',
    "<b><i>x</b></i>": 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"',
    "x</b>": "Unexpected end tag at byte offset 1",
    "é<br>": 'Unsupported start tag "br" at byte offset 2',
    "<script>x</script>": 'Unsupported start tag "script" at byte offset 0',
    "a < b": "Unclosed start tag at byte offset 2",
    "1000<": "Unclosed start tag at byte offset 4",
    "a < b > c": 'Unsupported start tag "" at byte offset 2',
    '<a "x">x</a>': 'Malformed attribute in the tag "a" at byte offset 0',
    "<span>x</span>": 'Tag "span" must have class "tg-spoiler"',
    "<tg-time>x</tg-time>": 'Tag "tg-time" must have a valid attribute "unix"',
    '<tg-time unix="1" format="rt">x</tg-time>': 'Tag "tg-time" has an invalid format "rt"',
}


@pytest.mark.parametrize("html", REFUSED)
def test_what_telegram_cannot_parse_is_refused(html: str) -> None:
    with pytest.raises(Refused) as caught:
        parsed(html)

    expected = f"Bad Request: can't parse entities: {REFUSED[html]}"
    assert (caught.value.code, caught.value.description) == (400, expected)


def test_offsets_count_utf16_and_references_become_characters() -> None:
    found = parsed("\N{ROCKET} <b>&lt;&amp;&gt;&quot;&#65;&#x42;</b> &nbsp; &#1;")

    assert found == Formatted('\N{ROCKET} <&>"AB &nbsp; &#1;', (Entity("bold", 3, 6),))
    assert found.html == "\N{ROCKET} <b>&lt;&amp;&gt;&quot;AB</b> &amp;nbsp; &amp;#1;"


def test_white_space_at_the_ends_goes_and_entities_follow() -> None:
    found = parsed("\n <b> x</b><i>y </i>\n<u>\n</u>")

    assert found == Formatted("x" + "y", (Entity("bold", 0, 1), Entity("italic", 1, 1)))


def test_nested_tags_are_told_outermost_first_and_nothing_is_marked_up_in_code() -> None:
    found = parsed("<b><i>x</i>y</b><code><b>z</b></code><b></b>")

    assert found.entities == (Entity("bold", 0, 2), Entity("italic", 0, 1), Entity("code", 2, 1))
    assert found.html == "<b><i>x</i>y</b><code>z</code>"


@pytest.mark.parametrize("href", ["javascript:alert(1)", "https://[", "x", ""])
def test_a_link_no_client_would_open_is_plain_text(href: str) -> None:
    assert parsed(f'<a href="{href}">x</a>') == Formatted("x")


def test_entities_beyond_the_hundredth_are_ignored() -> None:
    found = parsed("<b>x</b> " * (ENTITIES_MAX + 1))

    assert len(found.entities) == ENTITIES_MAX
    assert found.html.endswith("<b>x</b> x")


def test_without_a_parse_mode_nothing_is_parsed_and_all_is_escaped() -> None:
    found = written(" <b>x</b> & ", None)

    assert found == Formatted("<b>x</b> &")
    assert found.html == "&lt;b&gt;x&lt;/b&gt; &amp;"


def test_another_parse_mode_is_refused() -> None:
    with pytest.raises(Refused, match="unsupported parse_mode"):
        written("*x*", "MarkdownV2")


COMMANDS = {
    "/scan": [(0, 5)],
    "/why@some_bot SOL": [(0, 13)],
    "\N{ROCKET} /a\n/b": [(3, 2), (6, 2)],
    "a/b /x/y </z>": [],
    "plain": [],
}


@pytest.mark.parametrize("text", COMMANDS)
def test_commands_are_marked_in_what_people_say(text: str) -> None:
    found = spoken(text)

    assert [(e.type, e.offset, e.length) for e in found.entities] == [
        ("bot_command", *span) for span in COMMANDS[text]
    ]
    assert "<" not in found.html.replace("&lt;", "")


@given(st.text(alphabet='<>/="ab&;# \n\N{ROCKET}', max_size=60))
def test_any_text_is_parsed_or_refused_and_what_comes_out_parses_again(html: str) -> None:
    try:
        found = parsed(html)
    except Refused:
        return

    assert parsed(found.html) == found
    assert all(e.offset + e.length <= utf16_len(found.text) for e in found.entities)
