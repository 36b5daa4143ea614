"""Measures the service against what else one could run, on this machine: `python -m tests.bench`.

Everything is started here, on loopback, and ended here; no site is asked. A figure alone says little on a shared
machine, so each takes turns, in the same run, with a baseline that does less or does the job in another way: the ratio
is what to look at. Nothing of the service imports this package.
"""
