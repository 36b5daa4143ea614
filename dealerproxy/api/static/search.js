// The search: the same request as a client's, and its rows as text.

import { ask } from "./asking.js";
import { opened } from "./car.js";
import { dollars, find, make, number, say, span } from "./page.js";
import { did, nameOf } from "./sites.js";
import { SKIPPED } from "./words.js";

const PER_PAGE = 12;
let params = null;
let models = {};

export function start() {
  find("search").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    params = asked(new FormData(find("search")));
    search();
  });
  find("more").addEventListener("click", () => search(true));
  find("make").addEventListener("focus", suggest, { once: true });
  find("more-filters").addEventListener("toggle", offer, { once: true });
  find("make").addEventListener("change", suggestModels);
}

function asked(form) {
  const names = [...new Set(form.keys())];
  const given = names.map((name) => [name, form.getAll(name).map((value) => value.trim()).join(",")]).filter(([, value]) => value);
  return new URLSearchParams([...given, ["limit", PER_PAGE], ["include", "dealer"]]);
}

async function search(further = false) {
  const path = `v1/vehicles?${params}`;
  find("answer").hidden = false;
  find("answer").setAttribute("aria-busy", "true");
  if (!further) {
    find("rows").replaceChildren();
    find("sources").replaceChildren();
    find("more").hidden = true;
  }
  say(find("told"), "Loading …");
  try {
    const answer = await ask(path, find("fresh").checked ? { headers: { "Cache-Control": "no-cache" } } : {});
    show(answer, further);
  } catch (failure) {
    showFailure(failure);
  }
  find("answer").removeAttribute("aria-busy");
}

function show({ body, headers, ms }, further) {
  const rows = body.data.map(row);
  find("rows").append(...rows);
  if (further && rows.length) {
    rows[0].tabIndex = -1;
    rows[0].focus();
  }
  const shown = find("rows").childElementCount;
  const cached = headers.get("X-Cache");
  say(find("told"), `${shown ? `${number(shown)} cars shown` : "No cars"}, answered in ${Math.round(ms)} ms (${cached}).`);
  find("sources").replaceChildren(...body.sources.map(source), ...body.notices.map(notice));
  params.delete("cursor");
  find("more").hidden = body.next_cursor === null;
  if (body.next_cursor !== null) params.set("cursor", body.next_cursor);
  find("json").textContent = JSON.stringify(body, null, 2);
}

function showFailure(failure) {
  say(find("told"), failure.status ? `${failure.status} ${failure.code}: ${failure.message}` : failure.message);
  find("sources").replaceChildren(...(failure.details.sources ?? []).map(source));
  find("more").hidden = true;
  find("json").textContent = JSON.stringify({ code: failure.code, message: failure.message, details: failure.details }, null, 2);
}

function source({ name, status, reason, rows, total, age_s: age }) {
  const all = total === null ? "" : ` of ${number(total)} in all`;
  const here = `${rows ? number(rows) : "none"} on this page${all}${age ? `, ${span(age)} old` : ""}`;
  const told = {
    ok: () => here,
    stale: () => `${here}, because it ${did(reason)}`,
    partial: () => `${here}; rows are missing, because it ${did(reason)}`,
    failed: () => `no rows, because it ${did(reason)}`,
    skipped: () => `not called: ${SKIPPED[reason] ?? reason}`,
  }[status]();
  return make("li", { "data-status": status }, make("strong", {}, nameOf(name)), ` ${told} `, make("code", {}, reason ?? status));
}

function notice({ code, message }) {
  return make("li", { class: "notice" }, `${message} `, make("code", {}, code));
}

function row(car) {
  const name = `${car.year} ${car.make} ${car.model}`;
  const facts = [
    `${number(car.mileage_km)} km`,
    car.fuel?.replaceAll("_", " "),
    car.transmission,
    car.engine_cc && `${number(car.engine_cc)} cc`,
    car.drivetrain,
    car.dealer?.region,
  ];
  const advert = car.dealer?.url && make("a", { href: car.dealer.url, rel: "noreferrer noopener", target: "_blank" }, "advert", make("span", { class: "unseen" }, ` of ${name}, opens in a new tab`));
  const item = make(
    "li",
    {},
    photo(car.thumbnail_url, name),
    make(
      "div",
      { class: "car" },
      make("p", { class: "title" }, make("strong", {}, name), car.trim ? ` ${car.trim}` : ""),
      make("p", {}, facts.filter(Boolean).join(" · ")),
      make("p", { class: "note" }, opener(car.id, name, (content) => item.append(content)), " ", make("code", {}, car.id), advert && " · ", advert),
    ),
    make(
      "p",
      { class: "price" },
      make("strong", {}, dollars(car.pricing.listing_price)),
      make("span", { class: "note" }, `${dollars(car.pricing.breakdown.estimated_landed)} landed`),
    ),
  );
  return item;
}

// The button that opens and closes a car in its row; `place` shows the content.
function opener(id, name, place) {
  const button = make("button", { type: "button", class: "quiet", "aria-expanded": "false" }, "Open", make("span", { class: "unseen" }, ` ${name}`));
  let content = null;
  button.addEventListener("click", async () => {
    const show = content === null;
    button.setAttribute("aria-expanded", String(show));
    say(button.firstChild, show ? "Close" : "Open");
    content?.remove();
    content = null;
    if (!show) return;
    const mine = (content = make("p", { class: "opened note", role: "status" }, "Loading …"));
    place(mine);
    const answer = await car(id);
    if (content === mine) {
      content = answer;
      mine.replaceWith(content);
    }
  });
  return button;
}

async function car(id) {
  const params = new URLSearchParams({ include: "dealer" });
  const won = find("krw_per_usd").value.trim();
  if (won) params.set("krw_per_usd", won);
  try {
    return opened((await ask(`v1/vehicles/${encodeURIComponent(id)}?${params}`)).body);
  } catch (failure) {
    return make("p", { class: "opened bad", role: "status" }, `${failure.status} ${failure.code ?? ""}: ${failure.message}`);
  }
}

function photo(url, name) {
  const frame = make("div", { class: "photo" });
  if (!url) return frame;
  const image = make("img", { src: url, alt: `Photo of ${name}`, loading: "lazy", decoding: "async", referrerpolicy: "no-referrer", width: 120, height: 80 });
  image.addEventListener("error", () => image.remove());
  frame.append(image);
  return frame;
}

// Fill in the filters' words from the service's OpenAPI document.
async function offer() {
  try {
    const { body } = await ask("openapi.json");
    const named = new Map(body.paths["/v1/vehicles"].get.parameters.map((parameter) => [parameter.name, parameter.schema]));
    for (const choice of document.querySelectorAll("#search [data-words]")) {
      const words = named.get(choice.name)?.items?.enum ?? [];
      choice.append(...words.map((word) => make("option", { value: word }, word.replaceAll("_", " "))));
    }
  } catch {
    // The other filters work without them.
  }
}

async function suggest() {
  try {
    const { body } = await ask("v1/vehicles/facets");
    models = body.models;
    find("makes").replaceChildren(...body.makes.map((make_) => make("option", { value: make_ })));
    suggestModels();
  } catch {
    // Suggestions are optional: without them, names are typed.
  }
}

function suggestModels() {
  const makes = find("make").value.split(",").map((make_) => make_.trim());
  find("models").replaceChildren(...makes.flatMap((make_) => models[make_] ?? []).map((model) => make("option", { value: model })));
}
