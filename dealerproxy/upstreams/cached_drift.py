"""A Drift as part of a cached value: an exception cannot be stored, and each answer needs one of its own."""

from msgspec import Struct

from dealerproxy.transport.errors import Drift


class CachedDrift(Struct, frozen=True):
    """What makes up a Drift: its path, its message, and the id of the page that was kept, if one was."""

    path: str
    message: str
    capture: str | None = None

    @classmethod
    def of(cls, error: Drift) -> "CachedDrift":
        """The parts of an error."""
        return cls(error.path, str(error).removeprefix(f"{error.path}: "), error.capture)

    def error(self) -> Drift:
        """A new error of the same parts, to be raised."""
        error = Drift(self.path, self.message)
        error.capture = self.capture
        return error
