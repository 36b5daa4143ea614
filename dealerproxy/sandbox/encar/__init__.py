"""The stand-in for Encar."""
