"""Placeholders for photos: a car drawn as SVG, in a colour of its own and with its file name."""

import hashlib
import re
from typing import Final

from aiohttp import web

# A photo's own host and path follow: `/__sandbox/photos/ci.encar.com/carpicture/.../1_001.jpg`.
PHOTOS: Final = "/__sandbox/photos"
# The hosts from which the sites show photos.
PHOTO_HOSTS: Final = ("ci.encar.com", "imgcar.encar.com", "www.m-park.co.kr", "autoimg.danawa.com")
_PHOTO: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.(?:jpe?g|png|webp|gif|heic)", re.IGNORECASE | re.ASCII)
_DRAWING: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 240" width="720" height="480">
<rect width="360" height="240" fill="hsl({hue} 25% 88%)"/>
<path d="M0 178H360V240H0z" fill="hsl({hue} 12% 70%)"/>
<path d="M40 172q-8-30 22-36l36-6q26-42 62-42h44q34 0 60 42l34 8q26 6 24 34z" fill="hsl({hue} 45% 45%)"/>
<path d="M118 128q18-28 42-28h14v28zm66-28h18q24 0 40 28h-58z" fill="hsl({hue} 30% 92%)"/>
<g fill="#222"><circle cx="104" cy="174" r="25"/><circle cx="264" cy="174" r="25"/></g>
<g fill="#bbb"><circle cx="104" cy="174" r="11"/><circle cx="264" cy="174" r="11"/></g>
<text x="180" y="226" text-anchor="middle" font-family="sans-serif" font-size="15" fill="#222">invented: {name}</text>
</svg>
"""


def routes() -> list[web.RouteDef]:
    """List the route of all photos; it is no operation of a site and has no faults."""
    return [web.get(PHOTOS + "/{host}/{folders:(?:[^/]+/)*}{name}", _photo)]


async def _photo(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if not _PHOTO.fullmatch(name):
        raise web.HTTPNotFound
    # All photos of a car are of one colour: their names differ only behind the last `_` or `R`.
    car = re.split(r"[_R][0-9]+\.", name)[0]
    hue = int.from_bytes(hashlib.blake2b(car.encode(), digest_size=2).digest()) % 360
    return web.Response(text=_DRAWING.format(hue=hue, name=name), content_type="image/svg+xml")
