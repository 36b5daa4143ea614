"""The settings: every DEALERPROXY_* variable with type and description, read once at the start."""

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from redis.asyncio.connection import parse_url
from yarl import URL

from dealerproxy.contract.rate import PLAUSIBLE

PREFIX = "DEALERPROXY_"
# The rate in the order example of the partner documentation; a default until an operator sets a current one.
DEFAULT_KRW_PER_USD = 1347.52
DEFAULT_RATE_AS_OF = "2026-04-15T21:50:00+09:00"
# A shorter key for cursor signatures can be guessed.
LEAST_SECRET_BYTES = 16
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)(?:[\w-]{1,63}\.)*(?!\d+\.?\Z)[\w-]{1,63}\.?", re.ASCII)


class Settings(Struct, frozen=True, kw_only=True):
    """All settings with their defaults. Field `x_y` is read from `DEALERPROXY_X_Y`."""

    host: Annotated[str, Meta(min_length=1, description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    api_keys: Annotated[
        str, Meta(description="Comma-separated keys, one of which `/v1` needs in `x-api-key`; empty leaves it open.")
    ] = ""
    encar_api_url: Annotated[str, Meta(description="Base URL of Encar's search and detail JSON.")] = (
        "https://api.encar.com"
    )
    encar_page_url: Annotated[str, Meta(description="Base URL of Encar's car pages, the second witness of a car.")] = (
        "https://fem.encar.com"
    )
    encar_rps: Annotated[float, Meta(gt=0, le=1000, description="Requests per second to Encar, after a burst.")] = 4.0
    encar_proxy: Annotated[
        str, Meta(description="Forward proxy of all calls to Encar, `http://user:password@host:port`; empty: none.")
    ] = ""
    encar_daily_calls: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="Most calls to Encar in a day (Seoul time); 0: no limit.")
    ] = 0
    encar_warm: Annotated[
        str,
        Meta(description="Comma-separated makes whose Encar cars and trucks always stay in stock; `*`: all makes."),
    ] = ""
    stock_mb: Annotated[
        int, Meta(ge=0, le=65_536, description="Memory for Encar's stock, in MiB; 0: no stock, only live searches.")
    ] = 300
    stock_dir: Annotated[
        str, Meta(description="Folder that keeps stock over a restart; with Redis it is not used. Empty: none.")
    ] = ""
    danawa_url: Annotated[str, Meta(description="Base URL of Danawa's car site.")] = "https://auto.danawa.com"
    mpark_api_url: Annotated[str, Meta(description="Base URL of the JSON of M-Park, the feeder of Danawa's cars.")] = (
        "https://api.m-park.co.kr"
    )
    danawa_rps: Annotated[
        float, Meta(gt=0, le=1000, description="Requests per second to Danawa, and as many to M-Park.")
    ] = 4.0
    danawa_proxy: Annotated[str, Meta(description="Forward proxy of all calls to Danawa and M-Park; empty: none.")] = ""
    danawa_daily_calls: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="Most calls to Danawa and M-Park together in a day (Seoul time); 0: no limit.",
        ),
    ] = 0
    danawa_warm: Annotated[str, Meta(description="Ignored: Danawa's list always stays in stock.")] = ""
    cache_mb: Annotated[int, Meta(ge=1, le=65_536, description="Memory for the cache of each process, in MiB.")] = 256
    max_requests: Annotated[
        int, Meta(ge=1, le=100_000, description="Most concurrent requests for cars; further ones get a 503 at once.")
    ] = 256
    list_deadline_s: Annotated[float, Meta(gt=0, le=60, description="Longest time for a list request, in seconds.")] = (
        8.0
    )
    list_fresh_s: Annotated[
        float, Meta(gt=0, le=3600, description="How long 48 rows of a search stay fresh in the cache, in seconds.")
    ] = 60.0
    detail_deadline_s: Annotated[
        float, Meta(gt=0, le=60, description="Longest time for a car or an availability check, in seconds.")
    ] = 10.0
    detail_fresh_s: Annotated[
        float,
        Meta(
            ge=0, le=600, description="How long a car stays fresh in the cache, in seconds; 0: each request fetches it."
        ),
    ] = 20.0
    redis_url: Annotated[
        str, Meta(description="Redis that processes share: `redis://`, `rediss://` or `unix://`; empty: none.")
    ] = ""
    processes: Annotated[
        int, Meta(ge=1, le=1000, description="Number of processes (or `serve --workers` groups) that call the sites.")
    ] = 1
    krw_per_usd: Annotated[
        float, Meta(ge=PLAUSIBLE[0], le=PLAUSIBLE[1], description="Static exchange rate, won per US dollar.")
    ] = DEFAULT_KRW_PER_USD
    fx_url: Annotated[str, Meta(description="URL of a JSON exchange-rate provider; empty: the static rate.")] = ""
    fx_path: Annotated[
        str, Meta(description="Dotted path to won per dollar in the provider's JSON, such as `rates.KRW`.")
    ] = ""
    fx_date_path: Annotated[
        str, Meta(description="Dotted path to the rate's date in that JSON; empty: the time of the request counts.")
    ] = ""
    capture_dir: Annotated[
        str, Meta(description="Folder for the first page of each new kind of trouble, scrubbed; empty: none.")
    ] = ""
    cursor_secret: Annotated[
        str, Meta(description="Key of at least 16 bytes that signs cursors; empty: a random one at each start.")
    ] = ""
    user_agent: Annotated[
        str, Meta(min_length=1, description="The one User-Agent sent to the sites; it never rotates.")
    ] = "Mozilla/5.0 (compatible; dealerproxy/0.1)"
    log_format: Annotated[Literal["json", "console"], Meta(description="JSON lines, or text for a person.")] = "json"
    log_level: Annotated[
        Literal["info", "debug"],
        Meta(description="`debug` adds a line for each call to a site, and for probes, scrapes and static files."),
    ] = "info"

    @property
    def keys(self) -> tuple[str, ...]:
        """The API keys as a tuple; empty when `/v1` is open."""
        return tuple(key.strip() for key in self.api_keys.split(",") if key.strip())

    @property
    def proxies(self) -> Mapping[str, str]:
        """The forward proxy of each site; empty for none. It may hold a password: never show it."""
        return {"encar": self.encar_proxy, "danawa": self.danawa_proxy}

    @property
    def daily_calls(self) -> Mapping[str, int]:
        """The most calls to each site in a day (Seoul time); 0 for no limit."""
        return {"encar": self.encar_daily_calls, "danawa": self.danawa_daily_calls}


class SettingsError(Exception):
    """A variable is unusable; the message names it in one line."""


NO_KEY = f"{PREFIX}API_KEYS cannot be used: it holds no key; to leave /v1 open, unset it"


def load(env: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises SettingsError with one line naming the variable and its value (never a key or a secret).
    """
    values: dict[str, object] = {}
    for field, kind in get_type_hints(Settings, include_extras=True).items():
        variable = PREFIX + field.upper()
        text = env.get(variable, "").strip()
        if not text and field == "api_keys" and env.get(variable):
            raise SettingsError(NO_KEY)
        if not text:
            continue
        try:
            values[field] = msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{variable}={text!r} cannot be used: {_told(error, kind)}") from None
    settings = Settings(**values)  # type: ignore[arg-type]  # every value was converted to its field's type above
    _check(settings)
    return settings


def _told(error: msgspec.ValidationError, kind: object) -> str:
    """Returns what is wrong with a value; for a setting of a few words, the allowed ones."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return f"expected {' or '.join(get_args(inner))}" if get_origin(inner) is Literal else str(error)


def _check(settings: Settings) -> None:
    """Rejects values that their types alone allow. A message never shows what may be a key or a password."""
    for field in ("encar_api_url", "encar_page_url", "danawa_url", "mpark_api_url", "fx_url"):
        _check_url(field, getattr(settings, field))
    for field in ("encar_proxy", "danawa_proxy"):
        _check_proxy(field, getattr(settings, field))
    _check_host(settings.host)
    if settings.redis_url and not _is_redis_url(settings.redis_url):
        raise SettingsError(
            f"{PREFIX}REDIS_URL cannot be used: expected a redis, rediss or unix URL, its password percent-encoded"
        )
    if not (settings.user_agent.isascii() and settings.user_agent.isprintable()):
        raise SettingsError(f"{PREFIX}USER_AGENT={settings.user_agent!r} cannot be used: expected printable ASCII")
    if settings.api_keys and not settings.keys:
        raise SettingsError(NO_KEY)
    if settings.cursor_secret and len(settings.cursor_secret.encode()) < LEAST_SECRET_BYTES:
        raise SettingsError(f"{PREFIX}CURSOR_SECRET cannot be used: expected at least {LEAST_SECRET_BYTES} bytes")
    if bool(settings.fx_url) != bool(settings.fx_path):
        raise SettingsError(f"{PREFIX}FX_URL and {PREFIX}FX_PATH must be set together")


def unknown(env: Mapping[str, str] = os.environ) -> list[str]:
    """Returns the DEALERPROXY_* variables that no setting reads, mostly misspelt ones."""
    known = {PREFIX + field.upper() for field in Settings.__struct_fields__}
    return sorted(
        name for name in env if name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_") and name not in known
    )


def _is_redis_url(text: str) -> bool:
    """Whether the client can use it. Its own error is dropped, since that may repeat a part of the password."""
    try:
        parse_url(text)
    except ValueError:
        return False
    return True


def _check_url(field: str, text: str) -> None:
    """Rejects an invalid address. The message omits a provider's address, which may hold a key."""
    if not text:
        return
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and text.isprintable() and " " not in text
    except ValueError:
        usable = False
    if not usable:
        shown = "" if field == "fx_url" else f"={text!r}"
        raise SettingsError(f"{PREFIX}{field.upper()}{shown} cannot be used: expected an http or https URL")


def _check_proxy(field: str, text: str) -> None:
    """Rejects an invalid proxy address. The message omits it, as it may hold a password."""
    if not text:
        return
    try:
        url = URL(text)
        plain = text.isascii() and text.isprintable() and " " not in text
        usable = (
            plain
            and url.scheme in {"http", "https"}
            and bool(url.host)
            and url == url.origin().with_user(url.user).with_password(url.password)
        )
        # Both become a header, in which the first colon ends the user name.
        usable = usable and ":" not in (url.user or "") and f"{url.user}{url.password}".isprintable()
        f"{url.user}{url.password}".encode("latin-1")
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{PREFIX}{field.upper()} cannot be used: expected http://host:port or https://host:port")


def _check_host(text: str) -> None:
    """Rejects anything but an IP address or a host name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST_NAME.fullmatch(text):
            raise SettingsError(
                f"{PREFIX}HOST={text!r} cannot be used: expected an IP address or a host name"
            ) from None
