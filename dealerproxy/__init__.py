"""Korean retail car listings (Encar, Danawa) as normalised JSON for a partner API."""

__version__ = "0.1.0"
