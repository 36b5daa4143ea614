"""`python -m dealerproxy.bench`."""

import sys

# Processes that are started here import this module too.
if __name__ == "__main__":
    from dealerproxy.bench.command import main

    sys.exit(main())
