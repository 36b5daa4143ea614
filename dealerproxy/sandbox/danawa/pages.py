"""The pages of Danawa's used-car section, reconstructed from programs that read them, because no copy exists.

Known are the container, a car's name, its `col year`, `col km` and `col price` with `middle` and `num`, links to
`loadingBridge.php`, pictures, and that the fourth item of a page is no car. Everything around them is made up: the
`finder_contents` with the chosen brand, the paging, the wrapping of a cell, what the fourth item is, and every word
about a car that is not free or a listing without cars.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, Literal

import msgspec

from dealerproxy.sandbox.danawa.cars import MPARK, DanawaCar
from dealerproxy.sandbox.danawa.catalogue import BRANDS, Brand
from dealerproxy.sandbox.danawa.mpark import photos

PAGE_SIZE: Final = 30
NO_CARS: Final = "검색 조건에 맞는 차량이 없습니다."

_BANNER_AT: Final = 3
_BLANK: Final = "//autoimg.danawa.com/img/common/blank.gif"
_TARGETS: Final = {MPARK: "https://www.m-park.co.kr/buy/detail/"}
# The places of a mark: over the picture, beside the price, or in its own cell.
_PLACES: Final = 3
_BANNER: Final = """  <li class="list_banner">
   <a href="/event/?Work=event"><img src="//autoimg.danawa.com/photo/service/banner/used_list.png" alt="내 차 팔기"></a>
  </li>"""
_PAGE: Final = """<!DOCTYPE html>
<html lang="ko">
<head>
<meta charset="{charset}">
<title>중고차검색 : 다나와 자동차</title>
<link rel="alternate" media="only screen and (max-width: 640px)" href="http://mauto.danawa.com/">
<script>var brand = '{brand}';</script>
</head>
<body>
<div id="gnb"><ul><li><a href="/newcar/">신차</a></li><li><a href="/usedcar/?Work=list">중고차검색</a></li></ul></div>
<div id="danawa_container">
{main}
</div>
<div id="footer"><a class="name" href="/company/">회사소개</a> 다나와 자동차</div>
</body>
</html>
"""
_BRIDGE: Final = """<!DOCTYPE html>
<html lang="ko"><head><meta charset="utf-8"><title>다나와 자동차</title></head>
<body><p>판매처로 이동 중입니다.</p><script>location.replace('{target}');</script></body></html>
"""


class Manners(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The variants of the list, where the site's behaviour is not known.

    * `charset`: UTF-8, or the older cp949 (declared as `euc-kr`, as such pages are)
    * `past_end`: a page after the last one has no cars, or it is the last one again
    * `says_none`: whether a listing without cars has a text that says so
    * `part`: the whole page, only the container, or only the list inside it
    * `lazy_images`: whether the pictures' addresses stand in `data-original` and `src` is a blank
    """

    charset: Literal["utf-8", "cp949"] = "utf-8"
    past_end: Literal["empty", "repeat"] = "empty"
    says_none: bool = True
    part: Literal["page", "container", "list"] = "page"
    lazy_images: bool = False


def listing(cars: Sequence[DanawaCar], page: int, pages: int, brand: str, manners: Manners) -> str:
    """Return the list with these cars as page `page` of `pages`; `brand` is the code in the query."""
    items = [_item(car, manners) for car in cars]
    if items:
        items.insert(_BANNER_AT, _BANNER)
    inner = "\n".join(["<ul>", *items, "</ul>"])
    if manners.part == "list":
        return inner
    none = f'\n<p class="no_data">{NO_CARS}</p>' if pages == 0 and manners.says_none else ""
    container = f'<div id="usedcarList" class="used_list">{inner}{none}\n</div>'
    if manners.part == "container":
        return container
    return _page("\n".join([_finder(brand), container, _paging(page, pages)]), brand, manners)


def home(manners: Manners) -> str:
    """The section's first page, which has no list: the answer to an invalid query."""
    return _page(_finder(""), "", manners)


def bridge(feeder: str, number: str) -> str:
    """Return the page between the list and the feeder, which redirects by script only."""
    target = f"{_TARGETS[feeder]}{number}" if feeder in _TARGETS and number.isalnum() else "/usedcar/"
    return _BRIDGE.format(target=target)


def _page(main: str, brand: str, manners: Manners) -> str:
    charset = "utf-8" if manners.charset == "utf-8" else "euc-kr"
    return _PAGE.format(charset=charset, brand=escape(brand), main=main)


def _item(car: DanawaCar, manners: Manners) -> str:
    link = escape(f"loadingBridge.php?refer=usedcarList&sCompany={car.feeder}&sDemoNo={car.id}")
    place = int(car.id) % _PLACES if car.mark else None
    over, beside, below = (_mark(car) if place == at else "" for at in range(_PLACES))
    return f"""  <li>
   <a href="{link}" target="_blank">{_picture(car, manners)}{over}</a>
   <a class="name" href="{link}" target="_blank">
    {escape(car.name)}</a>
   <div class="col year"><div class="middle">{car.year}</div></div>
   <div class="col km"><div class="middle">{car.mileage:,}km</div></div>
   <div class="col price"><div class="middle"><span class="num">{car.price:,}</span>만원{beside}</div></div>{below}
  </li>"""


def _mark(car: DanawaCar) -> str:
    return f'<span class="state">{escape(car.mark or "")}</span>'


def _picture(car: DanawaCar, manners: Manners) -> str:
    address = escape(photos(car)[0])
    if manners.lazy_images:
        return f'<img class="lazyload" src="{_BLANK}" data-original="{address}">'
    return f'<img src="{address}">'


def _finder(chosen: str) -> str:
    buttons = "\n".join(_button(brand, chosen) for brand in BRANDS if brand.code)
    return f'<div class="finder_contents">\n{buttons}\n</div>'


def _button(brand: Brand, chosen: str) -> str:
    css = "btn_select selected" if brand.code == chosen else "btn_select"
    return f'<button type="button" class="{css}" brand="{brand.code}">{escape(brand.label)}</button>'


def _paging(page: int, pages: int) -> str:
    numbers = (str(at) for at in range(max(1, page - 4), min(pages, page + 5) + 1))
    links = [f"<strong>{at}</strong>" if at == str(page) else f'<a class="page" page="{at}">{at}</a>' for at in numbers]
    after = [f'<a class="next" page="{page + 1}">다음</a>'] if page < pages else []
    return "\n".join(['<div class="pageList">', *links, *after, "</div>"])
