"""Encar's name, the shape of its ids, and the addresses of its pages and photos."""

import re

from dealerproxy.contract.ids import LISTING_IDS

UPSTREAM = "encar"
LISTING_ID = LISTING_IDS[UPSTREAM]
# The path in the site's own pages; the shorter form without it can have a full watermark.
PHOTO_BASE = "https://ci.encar.com/carpicture"
# `/carpicture10/pic4900/49000001_001.jpg`: no part needs an escape or leads to another place.
_PHOTO_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{1,40}){1,6}\.(?:jpe?g|png|webp|gif|heic)", re.ASCII | re.IGNORECASE)
# The site writes these photos with http://; its own pages, served over https, load them over https.
UNDER_BODY_BASE = "https://imgcar.encar.com"
# `/diagnosis/evaluation/carphoto/car0/car80/insp/4900001/696edc29-c895-4ece-b368-45ab3723892a.jpg`
_UNDER_BODY_PATH = re.compile(r"(?:/[A-Za-z0-9_-]{1,64}){2,12}\.(?:jpe?g|png|webp|gif|heic)", re.ASCII | re.IGNORECASE)
PAGE_BASE = "https://fem.encar.com/cars/detail/"


def photo_url(path: str) -> str | None:
    """Return the full address of a photo's path; None for anything else."""
    return PHOTO_BASE + path if _PHOTO_PATH.fullmatch(path) else None


def under_body_url(path: str) -> str | None:
    """Return the full address of an under-body photo's path; None for anything else."""
    return UNDER_BODY_BASE + path if _UNDER_BODY_PATH.fullmatch(path) else None
