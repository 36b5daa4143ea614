"""The grammar of public ids: a site's name and the number of its advert."""

import re
from typing import Literal

UpstreamName = Literal["encar", "danawa"]
# The pattern of advert numbers at each site. A public id is the site's name and that number: `encar_41985016`.
LISTING_IDS = {"encar": re.compile("[1-9][0-9]{0,18}"), "danawa": re.compile("[0-9]{1,19}")}
PUBLIC_ID = re.compile("|".join(f"{name}_{number.pattern}" for name, number in LISTING_IDS.items()))


def site_and_number(vehicle_id: str) -> tuple[str, str] | None:
    """Return the site and the number in a public id; None for anything that is not a dealer id."""
    if not PUBLIC_ID.fullmatch(vehicle_id):
        return None
    site, _, listing_id = vehicle_id.partition("_")
    return site, listing_id
