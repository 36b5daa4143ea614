"""The stand-in for Danawa and its feeder M-Park."""
