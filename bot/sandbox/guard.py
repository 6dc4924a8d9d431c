"""Who may speak to the sandbox's port: this machine, and no foreign web page through its browser.

It exists because a page on loopback can be reached by any site a browser visits: by another host
name that resolves here, by a cross-origin form, by a frame. It guards every route of the
application it is put on, and must never make an exception.
"""

import re

from aiohttp import web
from aiohttp.typedefs import Handler

_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")
_SITES = frozenset({"same-origin", "none"})

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 403 a foreign `Host`, `Origin` or `Sec-Fetch-Site`."""
    problem = _problem(request)
    if problem:
        raise web.HTTPForbidden(text=f"refused: {problem}\n")
    return await handler(request)


async def armor(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the protecting headers on a response that does not bring its own."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _problem(request: web.Request) -> str:
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0].lower()):
        return "expected Host to be 127.0.0.1, localhost or [::1]"
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
        return "expected no Origin, or this one"
    site = request.headers.get("Sec-Fetch-Site", "none").lower()
    if site not in _SITES and not _is_visit(request):
        return "expected a request of this site"
    return ""


def _is_visit(request: web.Request) -> bool:
    """A link followed to the page itself changes nothing and shows the other site nothing."""
    mode = request.headers.get("Sec-Fetch-Mode", "").lower()
    return request.method == "GET" and request.path == "/" and mode == "navigate"
