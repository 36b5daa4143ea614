"""What is wrong with a page's markup, for tests of all pages."""

from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

LABELLED = "input:not([type=hidden]), select, textarea"


def faults_of(html: str) -> list[str]:
    """Tell what the page would do that its policy forbids, and what a screen reader would miss."""
    tree = LexborHTMLParser(html)
    found: list[str] = []
    for node in tree.css("*"):
        found += [f"{node.tag} has {name}" for name in node.attributes if name.startswith("on") or name == "style"]
    found += [f"inline {node.tag}" for node in tree.css("script:not([src]), style")]
    found += [f"{url} leads elsewhere" for url in addresses(html) if "//" in url or url.startswith("/")]
    if not tree.css("html[lang]"):
        found.append("no language")
    if len(tree.css("main")) != 1:
        found.append("no main part, or several")
    ids = Counter(node.attributes["id"] for node in tree.css("[id]"))
    found += [f"id {name} stands twice" for name, count in ids.items() if count > 1]
    for node in tree.css("[aria-labelledby], [aria-describedby], label[for], input[list]"):
        for name in ("aria-labelledby", "aria-describedby", "for", "list"):
            found += [
                f"{name}={each} points nowhere" for each in (node.attributes.get(name) or "").split() if each not in ids
            ]
    labelled = {node.attributes.get("for") for node in tree.css("label")}
    found += [
        f"{node.attributes.get('id')} has no label"
        for node in tree.css(LABELLED)
        if node.attributes.get("id") not in labelled and not _inside_label(node)
    ]
    found += [f"a {node.tag} without a name" for node in tree.css("section, nav") if not _named(node)]
    return found


def addresses(html: str) -> list[str]:
    """Every address that the page loads or links to."""
    nodes = LexborHTMLParser(html).css("[src], [href]")
    urls = [node.attributes.get("src") or node.attributes.get("href") or "" for node in nodes]
    return [url for url in urls if not url.startswith("#")]


def _named(node: LexborNode) -> bool:
    return bool({"aria-label", "aria-labelledby"} & set(node.attributes))


def _inside_label(node: LexborNode) -> bool:
    return node.parent is not None and node.parent.tag == "label"
