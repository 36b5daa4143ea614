"""`python -m dealerproxy` is the `dealerproxy` command."""

from dealerproxy.cli import main

raise SystemExit(main())
