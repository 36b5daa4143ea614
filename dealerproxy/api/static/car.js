// A car opened in its row: photos, prices, panels, checklist and insurance as text, and its JSON beside them.

import { dollars, make, number } from "./page.js";
import { outline } from "./outline.js";
import { PRICES } from "./words.js";

/** The parts of an opened car, from the answer with `include=dealer`. */
export function opened(car) {
  const told = make(
    "div",
    { class: "told-car" },
    photos(car),
    part("Prices", prices(car)),
    part("Panels", panels(car.body_condition)),
    part("Inspection", ...inspection(car.inspection_report)),
    part("Insurance", insurance(car.inspection_report?.accident_cost_summary)),
    part("Papers", papers(car.enrichment)),
  );
  const json = make("pre", { tabindex: 0, "aria-label": `The JSON of ${car.id}` }, JSON.stringify(car, null, 2));
  return make("div", { class: "opened" }, told, json);
}

const part = (title, ...children) => make("section", { "aria-label": title }, make("h3", {}, title), ...children);
const note = (text) => make("p", { class: "note" }, text);

function photos({ photos: urls, make: maker, model }) {
  if (!urls.length) return note("No photos.");
  const strip = make("div", { class: "strip", tabindex: 0, role: "group", "aria-label": "Photos" });
  urls.forEach((url, index) => {
    const image = make("img", { src: url, alt: `${maker} ${model}, photo ${index + 1}`, loading: "lazy", decoding: "async", referrerpolicy: "no-referrer", width: 180, height: 120 });
    image.addEventListener("error", () => image.replaceWith(make("span", { class: "photo" })));
    strip.append(image);
  });
  return strip;
}

function prices({ pricing, dealer }) {
  const steps = { listing_price: pricing.listing_price, ...pricing.breakdown };
  const rows = Object.entries(PRICES).filter(([name]) => steps[name]).map(([name, words]) => entry(words, dollars(steps[name])));
  if (dealer?.price_krw) rows.splice(1, 0, entry("In won", `₩${number(dealer.price_krw)}`));
  return make("table", { class: "prices" }, make("tbody", {}, ...rows));
}

const entry = (words, value) => make("tr", {}, make("th", { scope: "row" }, words), make("td", { class: "number" }, value));

function panels(condition) {
  if (!condition) return note("No inspection names panels.");
  const frame = condition.panels.filter(({ panel_type: kind }) => kind === "frame");
  const exterior = condition.panels.filter(({ panel_type: kind }) => kind !== "frame");
  const list = condition.panels.map(({ label, description, severity }) =>
    make("li", {}, make("span", { class: `severity ${severity}` }, severity), ` ${label}: ${description}`),
  );
  return make(
    "div",
    { class: "panels" },
    make("figure", {}, make("figcaption", {}, "Body"), outline("exterior", exterior)),
    make("figure", {}, make("figcaption", {}, "Frame"), outline("frame", frame)),
    list.length ? make("ul", {}, ...list) : note("No panel is marked."),
  );
}

function inspection(report) {
  if (!report) return [note("No inspection.")];
  const told = [report.accident_summary, report.exterior_summary, report.inspector_notes].filter(Boolean);
  const groups = grouped(report.checklist ?? []);
  const found = new Set((report.issues ?? []).filter(({ type }) => type === "checklist").flatMap(({ faults }) => faults));
  const issues = (report.issues ?? []).filter(({ type }) => type !== "panel_damage");
  const grades = new Map((report.category_grades ?? []).map(({ category, status }) => [category, status]));
  return [
    ...told.map((text) => make("p", {}, text)),
    issues.length ? make("ul", { class: "issues" }, ...issues.map(({ status, detail }) => make("li", {}, make("span", { class: `severity ${status}` }, status), ` ${detail}`))) : null,
    ...[...groups].map(([group, items]) => checks(group, items, grades.get(group), found)),
  ].filter(Boolean);
}

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  return groups;
}

function checks(group, items, grade, found) {
  const bad = (item) => found.has(item.result);
  const rows = items.map((item) =>
    make("tr", { class: bad(item) ? "bad" : null }, make("th", { scope: "row" }, item.label), make("td", {}, item.result_label)),
  );
  return make(
    "details",
    { open: items.some(bad) },
    make("summary", {}, `${group.replaceAll("_", " ")}: ${grade ?? "not graded"}`, make("span", { class: "note" }, `, ${items.length} checks`)),
    make("table", {}, make("tbody", {}, ...rows)),
  );
}

function insurance(costs) {
  if (!costs) return note("No insurance record.");
  if (!costs.total_incidents) return note("No accident of its own.");
  const money = (value) => (value === null ? "unknown" : dollars(value));
  return make(
    "ul",
    {},
    ...costs.incidents.map(({ date, repair_cost: cost, insurance_paid: paid }) => make("li", {}, `${date ?? "No date"}: repairs ${money(cost)}, paid ${money(paid)}`)),
    make("li", {}, `${costs.total_incidents} in all: repairs ${money(costs.total_repair_cost)}, paid ${money(costs.insurance_paid)}`),
  );
}

function papers(enrichment) {
  const told = (enrichment ?? []).map(({ name, status, reason }) => `${name} ${status}${reason ? ` (${reason})` : ""}`);
  return note(told.length ? told.join(", ") : "No documents were requested.");
}
