"""A local stand-in for the Korean sites this service reads, with an invented inventory and switchable faults.

It shares no code and no vocabulary with the service, so that it can catch the service's mistakes: it reads the
query language with its own parser and knows the site's words as the site writes them. Every car is invented.

* `inventory.generate(seed)` invents the cars, `encar.EncarStandIn(inventory).app()` serves them;
* a `cars.Car` says whether it is sold, waiting, a copy, a truck or private, and what its `papers` say;
* `danawa_inventory.generate_danawa(seed, also=inventory)` invents Danawa's, some of them cars of Encar's as well,
  `danawa.DanawaStandIn(inventory).app()` serves its list and its feeder; `sites.serve` puts both on one port;
* `faults` says what can go wrong with an answer, `control` switches that over HTTP under `/__sandbox/`.
"""
