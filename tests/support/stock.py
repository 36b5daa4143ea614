"""Cars on offer at the stand-in for Encar."""

from typing import Any

from dealerproxy.sandbox.encar.inventory import Inventory


def add(inventory: Inventory, count: int, **fields: Any) -> None:
    """Put so many more Kias on offer, a little dearer each; `fields` say otherwise."""
    for i in range(count):
        inventory.insert(inventory.new_car(**{"manufacturer": "기아", "price": 1000 + i, **fields}))


def stock(count: int = 3, **fields: Any) -> Inventory:
    """An inventory of so many Kias, a little dearer each; `fields` say otherwise."""
    inventory = Inventory()
    add(inventory, count, **fields)
    return inventory
