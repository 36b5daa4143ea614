"""A local stand-in for the Korean sites this service reads, with an invented inventory and switchable faults.

It shares no code and no vocabulary with the service, so that it can reveal the service's mistakes: it parses the
query language with its own parser and has its own copy of the site's words. Every car is invented.

* `inventory.generate(seed)` invents the cars, `encar.EncarStandIn(inventory).app()` serves them;
* a `cars.Car` holds whether it is sold, waiting, a copy, a truck or private, and its `papers`;
* `danawa_inventory.generate_danawa(seed, also=inventory)` invents Danawa's, some of them also at Encar,
  `danawa.DanawaStandIn(inventory).app()` serves its list and its feeder; `sites.serve` puts both on one port;
* `faults` defines the faults of an answer, `control` switches them over HTTP under `/__sandbox/`.
"""

# The header of every answer of the stand-ins, by which a capture of one says so.
SANDBOX_HEADER = "X-Dealerproxy-Sandbox"
