"""`python -m tests.bench`."""

import sys

# Processes that are started here import this module too.
if __name__ == "__main__":
    from tests.bench.command import main

    sys.exit(main())
