"""Cars on show that cannot be ordered: a sale is agreed, or there is no price."""

from typing import Any

import pytest

from dealerproxy.client import DealerClient, DealerUnavailable, VehicleUnavailable, order_error, take_snapshot
from tests.client.conftest import Scripted, says
from tests.client.test_snapshot import DETAIL, ID, ORDERED, OWNER, dealer

__all__ = ["dealer"]

PRICELESS = {"pricing": DETAIL["pricing"] | {"listing_price": None}}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dealer": {"under_contract": True}}, "under_contract"),
        ({"dealer": {"under_contract": True}} | PRICELESS, "under_contract"),
        (PRICELESS, "no_price"),
    ],
)
async def test_a_car_on_show_that_cannot_be_bought_is_not_ordered(
    dealer: DealerClient, scripted: Scripted, change: dict[str, Any], reason: str
) -> None:
    scripted.says(says(ORDERED | change))
    for ordered in (take_snapshot(dealer, OWNER, 1400), dealer.ordered(ID)):
        with pytest.raises(VehicleUnavailable) as raised:
            await ordered
        assert (raised.value.status, raised.value.details) == (410, {"reason": reason})
        assert order_error(raised.value) is raised.value


async def test_whether_a_sale_is_agreed_is_never_guessed(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(DETAIL))
    with pytest.raises(DealerUnavailable):
        await take_snapshot(dealer, OWNER, 1400)


async def test_a_snapshot_keeps_nothing_that_only_insiders_may_see(dealer: DealerClient, scripted: Scripted) -> None:
    scripted.says(says(ORDERED))
    assert (await take_snapshot(dealer, OWNER, 1400)).detail == DETAIL
