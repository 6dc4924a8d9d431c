"""bot.sandbox.guard: loopback only, and no foreign page changes anything."""

import pytest

from chatroom import TOKEN, Site, served

ATTACKS = {
    "rebound host": {"Host": "evil.invalid"},
    "host that begins well": {"Host": "127.0.0.1.evil.invalid"},
    "host that ends well": {"Host": "evil.invalid:127"},
    "wildcard address": {"Host": "0.0.0.0:8090"},
    "foreign origin": {"Origin": "https://evil.invalid"},
    "sandboxed origin": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same site, other origin": {"Sec-Fetch-Site": "same-site"},
}
PATHS = (
    ("POST", "/chat/messages"),
    ("POST", "/chat/taps"),
    ("POST", "/chat/faults"),
    ("GET", "/chat/faults"),
    ("GET", "/chat/messages"),
    ("GET", "/chat/events"),
    ("GET", f"/bot{TOKEN}/getMe"),
    ("GET", "/nothing"),
)


async def status(site: Site, method: str, path: str, headers: dict[str, str]) -> int:
    async with site.http.request(
        method, site.url + path, headers=headers, data=b'{"text": "/panic"}'
    ) as answer:
        return answer.status


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_foreign_request_is_refused_everywhere(name: str) -> None:
    async with served() as site:
        found = [await status(site, *path, ATTACKS[name]) for path in PATHS]

    assert found == [403] * len(PATHS)
    assert len(site.room.updates) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "localhost"},
        {"Host": "LOCALHOST:9", "Origin": "http://localhost:9"},
        {"Host": "[::1]:8090", "Origin": "http://[::1]:8090", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_our_own_page_and_tools_are_let_in(headers: dict[str, str]) -> None:
    async with served() as site:
        found = await status(site, "POST", "/chat/messages", headers)

    assert found == 200
    assert len(site.room.updates) == 1


async def test_a_link_to_the_page_may_be_followed_and_nothing_else() -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    async with served() as site:
        async with site.http.get(site.url + "/", headers=visit) as page:
            assert page.status == 200
        assert await status(site, "GET", "/chat/messages", visit) == 403
        embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert await status(site, "GET", "/", embedded) == 403


async def test_nothing_changes_on_a_get_and_every_answer_is_armored() -> None:
    async with served() as site:
        for path in ("/chat/taps", "/chat/messages?text=x", "/nothing"):
            async with site.http.get(site.url + path) as answer:
                headers = answer.headers
                assert headers["X-Frame-Options"] == "DENY"
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
                assert "Access-Control-Allow-Origin" not in headers
        assert len(site.room.updates) == 0
