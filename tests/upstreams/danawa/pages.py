"""Pages of the list in the reconstructed markup, made of rows one of whose cells is another."""

from dealerproxy.upstreams.danawa.listing import Broken, ListRow, read_list

HREF = "loadingBridge.php?refer=usedcarList&amp;sCompany=mpark&amp;sDemoNo=77"


def row(**cells: str) -> str:
    """One `li` of a car; a cell given as a keyword is put in place of the usual one."""
    parts = {
        "photo": f'<a href="{HREF}"><img src="https://www.m-park.co.kr/1.jpg"></a>',
        "name": f'<a class="name" href="{HREF}">\n 기아 K5 2.0  가솔린 </a>',
        "year": '<div class="col year"><div class="middle">2021</div></div>',
        "km": '<div class="col km"><div class="middle">79,959km</div></div>',
        "price": '<div class="col price"><div class="middle"><span class="num">1,850</span>만원</div></div>',
    } | cells
    return f"<li>{''.join(parts.values())}</li>"


def page(*rows: str) -> bytes:
    return f'<!doctype html><html><body><div id="usedcarList"><ul>{"".join(rows)}</ul></div></body></html>'.encode()


def only(item: str) -> ListRow | Broken:
    """Read one row, among good ones so that the page is none that drifted."""
    *_, found = read_list(page(row(), row(), item)).rows
    return found
