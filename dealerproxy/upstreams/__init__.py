"""The sites behind the service: pure parsing per site, and one thin client each that does the I/O."""
