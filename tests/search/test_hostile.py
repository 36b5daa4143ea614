"""Ten thousand query strings that mean harm: no 5xx, no traceback, no way out of a term."""

import random
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from dealerproxy.sandbox.encar import query_language as ryvuss
from dealerproxy.sandbox.encar.inventory import generate

PARAMETERS = (
    *("make", "model", "fuel", "color", "transmission", "options_include", "sort", "limit", "cursor", "source"),
    *("upstream", "year_min", "year_max", "mileage_max_km", "price_min_usd", "price_max_usd", "krw_per_usd", "include"),
    *("keyword", "body_style", "auction_status", "accident_grade", "auction_date_from", "auction_count_min"),
    *("limit[]", "", "__proto__"),
)  # fmt: skip
FRAGMENTS = (
    *("Kia", "Hyundai", "BMW", "K5", "5 Series", "기아", "현대", "쏘렌토", "dealer", "glovis", "sunroof", "white"),
    *("(And.", "(Or.", "(C.", "_.", "._.", ")", "))", ".", "_", "_)", "Hidden.Y.", "Price.range(0..1).", "range(", "|"),
    *("%00", "%ff", "%ED%A0%80", "%E2%80%AE", "%F0%9F%9A%97", "%", "%%", "%2", "%zz", "+", "&", "=", ";", "#", "?"),
    *("'", '"', "`", "<script>", "${jndi:ldap://x}", "{{7*7}}", "\\", "%0d%0aSet-Cookie:a=b", "null", "NaN", "-1"),
    *("0", "1", "48", "201", "99999999999999999999", "1e999", "٣", "½", "true", "[]", "{}", ",", ",,,", " ", "%20"),
    *("a" * 500, "가" * 60, "/../"),
)  # fmt: skip


def hostile(chance: random.Random) -> str:
    def text() -> str:
        return "".join(chance.choices(FRAGMENTS, k=chance.randint(0, 4)))

    pairs = [f"{chance.choice(PARAMETERS)}={text()}" for _ in range(chance.randint(0, 6))]
    if chance.random() < 0.6:  # most should get past the first check
        pairs.append(f"make={chance.choice(['Kia', 'Hyundai,BMW', '기아'])}")
    return chance.choice(["&", "&", ";"]).join(pairs)


@pytest.mark.slow
async def test_ten_thousand_hostile_query_strings_never_cause_a_5xx_or_leave_their_term(build: Any) -> None:
    house = await build(generate(5, 120))
    chance = random.Random(20260115)
    statuses: dict[int, int] = {}
    for _ in range(10_000):
        # What no HTTP parser lets through (bare blanks, raw UTF-8) is written as a careless client would.
        query = quote(hostile(chance), safe="%&=;+?/'\"`<>${}*:()._|[],\\")
        async with house.client.get(URL(f"/v1/vehicles?{query}", encoded=True)) as response:
            body = await response.text()
        statuses[response.status] = statuses.get(response.status, 0) + 1
        assert response.status in {200, 400}, (query, body)
        assert "Traceback" not in body
        assert response.headers["X-Request-Id"].startswith("req_")
    assert statuses[200] > 500
    assert statuses[400] > 500
    for q in set(house.calls):
        tree = ryvuss.parse(q)
        assert isinstance(tree, ryvuss.And)
        names = [term.name for term in ryvuss.terms(tree) if not isinstance(term, ryvuss.Keyword)]
        assert names[:4] == ["Hidden", "SellType", "CarType", "Manufacturer"]
        assert names.count("Hidden") == names.count("Manufacturer") == 1
        assert len(q) < 2000
