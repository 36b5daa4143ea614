// The stock of each site: its listings, their ages, and the last reading.

import { ago, find, make, number, say, total } from "./page.js";
import { nameOf } from "./sites.js";
import { WORKS } from "./words.js";

// Why a site has no stock.
const OFF = { encar: "Encar is only read live: DEALERPROXY_STOCK_MB is 0." };

export function showStock(upstreams) {
  const held = upstreams.flatMap(({ name, stock, truck_stock: trucks }) => [
    ...(stock ? [{ name: nameOf(name), stock }] : []),
    ...(trucks ? [{ name: `${nameOf(name)} trucks`, stock: trucks }] : []),
  ]);
  const none = upstreams.filter(({ stock }) => !stock).map(({ name }) => OFF[name] ?? `${nameOf(name)} has no stock.`);
  const rows = total(held.map(({ stock }) => stock.rows));
  const told = rows ? ["Lists are answered from these without a request to the site."] : held.length ? ["No listing is in stock yet."] : [];
  say(find("stock-said"), [...told, ...none].join(" "));
  find("stock").hidden = !held.length;
  find("stock").tBodies[0].replaceChildren(...held.map(({ name, stock }) => row(name, stock)));
}

function row(name, { listings, rows, bytes, oldest_at: oldest, newest_at: newest, last_reading: last }) {
  const megabytes = `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, name),
    cell("Listings", number(listings)),
    cell("Rows", number(rows), make("span", { class: "note" }, ` ${megabytes}`)),
    cell("Newest", newest ? ago(newest) : "–"),
    cell("Oldest", oldest ? ago(oldest) : "–"),
    cell("Last reading", ...(last ? reading(last) : ["none in this process"])),
  );
}

function reading({ work, result, at }) {
  const what = `${WORKS[work] ?? work}: `;
  return [what, make(result === "ok" ? "span" : "strong", { class: result === "ok" ? "" : "bad" }, result), ", ", ago(at)];
}

const cell = (label, ...children) => make("td", { "data-label": label }, make("span", {}, ...children));
