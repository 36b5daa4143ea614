"""A Drift as a cached value: an exception cannot be stored, and each raise needs a new one."""

from msgspec import Struct

from dealerproxy.transport.errors import Drift


class CachedDrift(Struct, frozen=True):
    """The parts of a Drift: its path, its message, and the id of its capture, if any."""

    path: str
    message: str
    capture: str | None = None

    @classmethod
    def of(cls, error: Drift) -> "CachedDrift":
        """Return the parts of an error."""
        return cls(error.path, str(error).removeprefix(f"{error.path}: "), error.capture)

    def error(self) -> Drift:
        """Return a new error with the same parts."""
        error = Drift(self.path, self.message)
        error.capture = self.capture
        return error
