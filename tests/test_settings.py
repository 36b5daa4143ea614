"""Every DEALERPROXY_* variable: what it accepts, and the one line said about what it does not."""

import os

import msgspec
import pytest
from aiohttp.helpers import strip_auth_from_url
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from dealerproxy import settings
from dealerproxy.settings import PREFIX, Settings, SettingsError

SECRETS = ["api_keys", "cursor_secret"]
# Values that may hold a key or a password, so no message repeats them.
UNSHOWN = {*SECRETS, "fx_url", "redis_url", "encar_proxy", "danawa_proxy"}

# Text in the environment -> the field's value.
GOOD: dict[str, list[tuple[str, object]]] = {
    "host": [("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("localhost", "localhost")],
    "port": [("0", 0), ("1", 1), ("8081", 8081), ("65535", 65535)],
    "api_keys": [("one", "one"), ("one,two", "one,two"), ("열쇠", "열쇠")],
    "encar_api_url": [
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("https://example.test/encar/", "https://example.test/encar/"),
    ],
    "encar_page_url": [("https://example.test/pages", "https://example.test/pages")],
    "encar_rps": [("0.5", 0.5), ("4", 4.0), ("1000", 1000.0)],
    "encar_proxy": [
        ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("https://ops:p%40ss@proxy.example.test/", "https://ops:p%40ss@proxy.example.test/"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("http://ops@proxy.example.test", "http://ops@proxy.example.test"),
    ],
    "encar_daily_calls": [("0", 0), ("50000", 50_000)],
    "encar_warm": [("*", "*"), ("Kia, Hyundai", "Kia, Hyundai")],
    "stock_mb": [("0", 0), ("300", 300)],
    "stock_dir": [("/var/lib/stock", "/var/lib/stock"), ("stock", "stock")],
    "danawa_url": [("http://127.0.0.1:8082", "http://127.0.0.1:8082")],
    "mpark_api_url": [("https://example.test/feeder", "https://example.test/feeder")],
    "danawa_rps": [("0.5", 0.5), ("4", 4.0), ("1000", 1000.0)],
    "danawa_proxy": [("http://proxy.example.test:8080", "http://proxy.example.test:8080")],
    "danawa_daily_calls": [("0", 0), ("1", 1)],
    "danawa_warm": [("Hyundai,Kia", "Hyundai,Kia"), ("현대", "현대")],
    "cache_mb": [("1", 1), ("1024", 1024)],
    "max_requests": [("1", 1), ("256", 256)],
    "list_deadline_s": [("0.1", 0.1), ("8", 8.0), ("60", 60.0)],
    "list_fresh_s": [("0.1", 0.1), ("60", 60.0), ("3600", 3600.0)],
    "detail_deadline_s": [("0.1", 0.1), ("10", 10.0), ("60", 60.0)],
    "detail_fresh_s": [("0", 0.0), ("20", 20.0), ("600", 600.0)],
    "redis_url": [("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"), ("unix:///run/redis", "unix:///run/redis")],
    "processes": [("1", 1), ("8", 8)],
    "krw_per_usd": [("100", 100.0), ("1402.5", 1402.5), ("10000", 10_000.0)],
    "fx_url": [("https://rates.example.test/latest?base=USD", "https://rates.example.test/latest?base=USD")],
    "fx_path": [("rates.KRW", "rates.KRW")],
    "fx_date_path": [("date", "date"), ("meta.0.updated", "meta.0.updated")],
    "capture_dir": [("/var/lib/captures", "/var/lib/captures"), ("captures", "captures")],
    "cursor_secret": [("0123456789abcdef", "0123456789abcdef"), ("a b=c" * 4, "a b=c" * 4), ("비밀" * 3, "비밀" * 3)],
    "user_agent": [("Mozilla/5.0 (compatible; ours/1.0)", "Mozilla/5.0 (compatible; ours/1.0)")],
    "log_format": [("json", "json"), ("console", "console")],
    "log_level": [("info", "info"), ("debug", "debug")],
}
BAD: dict[str, list[str]] = {
    "host": [
        *("http://127.0.0.1", "127.0.0.1:8080", "[::1]", "two words", "two..dots", ".", "호스트"),
        *("256.0.0.1", "1.2.3", "127.0.0.1/8", "a" * 64, "a." * 130 + "b", "localhost:http"),
    ],
    "port": ["http", "-1", "65536", "80.5", "8_0", "0x50", "8080 8081", "8080\n8081", "nan", "1e9"],
    "api_keys": [",", ",,", " , ", ",\t,"],
    "encar_api_url": [
        "api.encar.com",
        "//api.encar.com",
        "ftp://api.encar.com",
        "file:///etc/hosts",
        "http://",
        "http:///search",
        "http://[::1",
        "http://api.encar.com:99999",
        "http://api.encar.com:port",
        "not a url",
    ],
    "encar_page_url": ["fem.encar.com", "ftp://fem.encar.com", "http://[::1"],
    "encar_rps": ["0", "-1", "1000.1", "fast", "nan", "inf", "4,5"],
    "encar_proxy": [
        *("proxy.example.test:3128", "socks5://proxy.example.test:1080", "ftp://proxy.example.test", "http://"),
        *("http://ops:hidden@", "http://ops:hidden@proxy.example.test:99999", "http://ops:hidden@[::1"),
        *("http://proxy.example.test/path", "http://proxy.example.test?x=1", "http://proxy.example.test#x"),
        *("http://ops%3A:hidden@proxy.example.test", "http://ops:hid%0Aden@proxy.example.test"),
        *("http://ops:%EB%B9%84hidden@proxy.example.test", "http://two words.test", "http://호스트.test"),
        "http://one.example.test,http://two.example.test",
    ],
    "encar_daily_calls": ["-1", "1.5", "many", "1000000001"],
    "encar_warm": [],
    "stock_mb": ["-1", "65537", "1.5", "much"],
    "stock_dir": [],
    "danawa_url": ["auto.danawa.com", "ftp://auto.danawa.com", "http://[::1"],
    "mpark_api_url": ["api.m-park.co.kr", "ftp://api.m-park.co.kr", "http://[::1"],
    "danawa_rps": ["0", "-1", "1000.1", "fast", "nan"],
    "danawa_proxy": ["proxy.example.test:3128", "http://ops:hidden@", "socks5://ops:hidden@proxy.example.test"],
    "danawa_daily_calls": ["-1", "1.5", "many"],
    "danawa_warm": [],
    "cache_mb": ["0", "65537", "1GB"],
    "max_requests": ["0", "-1", "100001", "many"],
    "list_deadline_s": ["0", "-8", "60.1", "8s", "nan", "inf", "-inf"],
    "list_fresh_s": ["0", "-1", "3600.1", "1m", "nan"],
    "detail_deadline_s": ["0", "-10", "60.1", "10s", "nan"],
    "detail_fresh_s": ["-1", "600.1", "1m", "nan"],
    "redis_url": ["127.0.0.1:6379", "http://127.0.0.1:6379", "redis"],
    "processes": ["0", "-1", "1.5", "two", "1001"],
    "krw_per_usd": ["99.99", "10000.01", "1,347.52", "₩1347", "nan", "-1347.52"],
    "fx_url": ["rates.example.test", "ftp://rates.example.test/latest", "http://[::1"],
    "fx_path": [],
    "fx_date_path": [],
    "capture_dir": [],
    "cursor_secret": ["s3cret", "hidden", "0123456789abcde", "비밀비밀비", "x"],
    "user_agent": [],
    "log_format": ["xml", "JSON", "json,console"],
    "log_level": ["warning", "DEBUG", "0"],
}
# Variables that must be set together with the one under test.
COMPANIONS = {
    "fx_url": {"DEALERPROXY_FX_PATH": "rates.KRW"},
    "fx_path": {"DEALERPROXY_FX_URL": "https://rates.example.test/latest"},
}


def variable(field: str) -> str:
    return PREFIX + field.upper()


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(field, text) for field, texts in table.items() for text in texts]


def test_the_tables_above_speak_of_every_setting() -> None:
    assert set(GOOD) == set(BAD) == set(Settings.__struct_fields__)
    assert all(GOOD.values())


def test_an_empty_environment_gives_the_defaults() -> None:
    assert settings.load({}) == Settings()


@pytest.mark.parametrize(
    ("field", "text", "value"), [(field, text, value) for field, rows in GOOD.items() for text, value in rows]
)
def test_a_variable_becomes_its_field_and_no_other(field: str, text: str, value: object) -> None:
    loaded = settings.load({variable(field): text, **COMPANIONS.get(field, {})})
    assert getattr(loaded, field) == value
    assert type(getattr(loaded, field)) is type(value)
    companions = {name.removeprefix(PREFIX).lower(): text for name, text in COMPANIONS.get(field, {}).items()}
    assert loaded == msgspec.structs.replace(Settings(), **{field: value}, **companions)


@pytest.mark.parametrize(
    ("field", "blank"),
    [
        (field, blank)
        for field in Settings.__struct_fields__
        for blank in ("", "  ", "\n")
        if not (blank and field == "api_keys")  # see below: /v1 would be open
    ],
)
def test_a_blank_variable_is_one_that_is_not_set(field: str, blank: str) -> None:
    assert settings.load({variable(field): blank}) == Settings()


def test_blanks_around_a_value_are_not_part_of_it() -> None:
    loaded = settings.load({"DEALERPROXY_PORT": " 8081\n", "DEALERPROXY_LOG_FORMAT": " console "})
    assert (loaded.port, loaded.log_format) == (8081, "console")


@pytest.mark.parametrize(("field", "text"), cases(BAD))
def test_a_bad_value_is_one_line_that_names_the_variable_and_shows_the_value(field: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({variable(field): text, **COMPANIONS.get(field, {})})
    message = str(caught.value)
    shown = "" if field in UNSHOWN else f"={text.strip()!r}"
    assert message.startswith(f"{variable(field)}{shown} cannot be used: ")
    assert len(message.splitlines()) == 1
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("field", "words"), [("log_format", "json or console"), ("log_level", "info or debug")])
def test_a_word_that_is_none_of_a_few_is_refused_with_those(field: str, words: str) -> None:
    with pytest.raises(SettingsError, match=rf"='loud' cannot be used: expected {words}\Z"):
        settings.load({variable(field): "loud"})


@pytest.mark.parametrize("text", ["https://api.encar.com\nX-Injected: 1", "http://two words.test"])
def test_a_base_address_no_request_could_be_sent_to_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^DEALERPROXY_ENCAR_API_URL="):
        settings.load({"DEALERPROXY_ENCAR_API_URL": text})


@pytest.mark.parametrize("text", ["Mozilla/5.0\nX-Injected: 1", "Mozilla/5.0\rX", "Mozilla/5.0\x01X"])
def test_a_user_agent_that_cannot_be_a_header_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^DEALERPROXY_USER_AGENT="):
        settings.load({"DEALERPROXY_USER_AGENT": text})


@pytest.mark.parametrize(("field", "text"), cases(BAD))
def test_no_complaint_shows_a_key_or_a_secret(field: str, text: str) -> None:
    env = {variable(secret): f"hidden-{secret}-hidden" for secret in SECRETS}
    with pytest.raises(SettingsError) as caught:
        settings.load({**env, variable(field): text, **COMPANIONS.get(field, {})})
    assert "hidden" not in str(caught.value)


@given(text=st.text(max_size=50))
@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_or_secret_is_taken_as_it_is_or_refused_without_being_shown(secret: str, text: str) -> None:
    try:
        assert getattr(settings.load({variable(secret): text}), secret) == text.strip()
    except SettingsError as error:
        assert str(error).startswith(f"{variable(secret)} cannot be used: ")
        assert len(text.strip()) < 3 or text.strip() not in str(error)


@given(text=st.text(min_size=1, max_size=40), scheme=st.sampled_from(["http://", "https://", "socks5://", ""]))
def test_a_proxy_is_usable_for_every_call_or_refused_without_being_shown(scheme: str, text: str) -> None:
    secret = f"ops:{text}-hidden@proxy.example.test"
    try:
        loaded = settings.load({"DEALERPROXY_ENCAR_PROXY": scheme + secret})
    except SettingsError as error:
        assert str(error).startswith("DEALERPROXY_ENCAR_PROXY cannot be used: ")
        assert "hidden" not in str(error)
    else:
        assert URL(loaded.encar_proxy).host == "proxy.example.test"
        _, headers = strip_auth_from_url(URL(loaded.encar_proxy))
        assert headers is not None
        assert headers.encode()


@pytest.mark.parametrize("alone", ["DEALERPROXY_FX_URL", "DEALERPROXY_FX_PATH"])
def test_a_rate_provider_needs_both_its_address_and_its_path(alone: str) -> None:
    env = {"DEALERPROXY_FX_URL": "https://rates.example.test/latest", "DEALERPROXY_FX_PATH": "rates.KRW"}
    with pytest.raises(SettingsError) as caught:
        settings.load({alone: env[alone]})
    assert str(caught.value) == "DEALERPROXY_FX_URL and DEALERPROXY_FX_PATH must be set together"
    assert settings.load(env).fx_path == "rates.KRW"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ()),
        ("one", ("one",)),
        ("one,two", ("one", "two")),
        (" one , two ,", ("one", "two")),
    ],
)
def test_keys_are_separated_by_commas_and_blanks_are_none(text: str, keys: tuple[str, ...]) -> None:
    assert settings.load({"DEALERPROXY_API_KEYS": text}).keys == keys


@pytest.mark.parametrize("text", [" ", "\n", ",", " , ", "\t,\n"])
def test_keys_that_are_set_but_blank_end_the_start_instead_of_leaving_the_service_open(text: str) -> None:
    with pytest.raises(settings.SettingsError, match="API_KEYS cannot be used: it holds no key"):
        settings.load({"DEALERPROXY_API_KEYS": text})


@pytest.mark.parametrize(
    "text",
    [
        *(
            "redis://:hid/den@h:6379/0",
            "redis://:hid#den@h:6379/0",
            "redis://:hid?den@h/0",
            "rediss://:hidden@h:port/0",
        ),
        *("redis://:hidden@h:99999/0", "redis://:hidden@[::1/0", "http://:hidden@h/0", ":hidden@h:6379"),
    ],
)
def test_a_redis_url_that_no_client_can_use_is_refused_without_a_part_of_its_password(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load({"DEALERPROXY_REDIS_URL": text})
    assert str(caught.value).startswith("DEALERPROXY_REDIS_URL cannot be used: ")
    assert "hid" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    ["redis://127.0.0.1:6379/0", "redis://:p%2Fss@h:6379/0", "rediss://user:pass@h", "unix:///run/redis.sock"],
)
def test_a_redis_url_that_a_client_can_use_is_taken(text: str) -> None:
    assert settings.load({"DEALERPROXY_REDIS_URL": text}).redis_url == text


def test_variables_that_look_like_ours_but_are_not_read_are_listed_in_order() -> None:
    env = {
        "DEALERPROXY_PROT": "1",
        "DEALERPROXY_API_KEY": "one",
        "DEALERPROXY_port": "1",
        "DEALERPROXY_PORT": "1",
        "DEALERPROXY_TEST_CAPTURES": "elsewhere",
        "PATH": "/bin",
        "OTHER_DEALERPROXY_PORT": "1",
    }
    assert settings.unknown(env) == ["DEALERPROXY_API_KEY", "DEALERPROXY_PROT", "DEALERPROXY_port"]


def test_no_variable_that_is_read_is_called_unknown() -> None:
    assert settings.unknown({variable(field): "x" for field in Settings.__struct_fields__}) == []


def test_the_real_environment_is_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DEALERPROXY_PORT", "8099")
    monkeypatch.setenv("DEALERPROXY_PROT", "8099")
    assert settings.load() == Settings(port=8099)
    assert settings.unknown() == ["DEALERPROXY_PROT"]


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(AttributeError):
        settings.load({}).port = 1  # type: ignore[misc]


def test_every_setting_is_described_in_a_sentence() -> None:
    described = {field.name: field for field in msgspec.inspect.type_info(Settings).fields}  # type: ignore[attr-defined]
    for name in Settings.__struct_fields__:
        meta = described[name].type
        assert isinstance(meta, msgspec.inspect.Metadata), name
        assert (meta.extra_json_schema or {}).get("description", "").endswith("."), name
