"""A local stand-in for the Korean sites this service reads, with an invented inventory and switchable faults.

It shares no code and no vocabulary with the service, so that it can catch the service's mistakes: it reads the
query language with its own parser and knows the site's words as the site writes them. Every car is invented.

* `inventory.generate(seed)` invents the cars, `encar.EncarStandIn(inventory).app()` serves them;
* a `cars.Car` says whether it is sold, waiting, a copy, a truck or private, and what its `papers` say;
* `faults` says what can go wrong with an answer, `control` switches that over HTTP under `/__sandbox/`.
"""
