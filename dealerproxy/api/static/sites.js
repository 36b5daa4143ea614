// A panel for each site: its state, its operations, its last hour, and the way to reset it.

import { ask } from "./asking.js";
import { ago, countdown, find, make, milliseconds, number, say, total } from "./page.js";
import { OPERATIONS, REASONS, SITES, STATES } from "./words.js";

const SLOTS = 60;
// The units of the charts, stretched to the width of the panel.
const HEIGHT = 20;
// The least ends of the axes.
const LEAST_REQUESTS = 2;
const LEAST_MS = 10;
const panels = new Map();

// A site is in trouble if this many of its latest requests failed, even without a suspension, as for drift.
const RECENT = 5;
const LEAST = 2;
const TROUBLE = 0.2;

export const nameOf = (site) => SITES[site] ?? site;
export const did = (reason) => REASONS[reason]?.did ?? `is in trouble (${reason})`;

/** The state of a site: by its circuits and, if they are healthy, by the requests of the last minutes. */
function condition({ state, reason, minutes }) {
  if (state !== "healthy") return { state, reason };
  const recent = minutes.slice(-RECENT);
  const failures = Object.entries(failuresOf(recent)).sort(([, one], [, other]) => other - one);
  const failed = total(failures.map(([, count]) => count));
  const asked = total(recent.map(({ requests }) => requests));
  if (failed < Math.max(LEAST, TROUBLE * asked)) return { state, reason };
  return { state: "degraded", reason: failures[0][0], always: failed >= asked };
}

/** Whether a site was called in the last hour; else its state is unknown. */
function wasAsked({ minutes }) {
  return minutes.some(({ requests }) => requests);
}

// How an operator allows calls to a site again: the route, the button, and a note.
const WAYS = {
  reset: {
    button: (site) => `Reset ${site}`,
    note: "Requests are sent again at once. Use it only if you know that the site works; the service retries it in any case.",
  },
  resume: { button: (site) => `End the pause of ${site}`, note: "The pause ends by itself." },
};

/** Show the sites; `changed` is called after a site was reset or resumed. */
export function show(upstreams, changed) {
  for (const upstream of upstreams) {
    if (!panels.has(upstream.name)) panels.set(upstream.name, build(upstream.name, changed));
    fill(panels.get(upstream.name), upstream);
  }
}

function build(name, changed) {
  const panel = find("site").content.firstElementChild.cloneNode(true);
  const title = panel.querySelector("h3");
  title.textContent = nameOf(name);
  title.id = `site-${name}`;
  panel.setAttribute("aria-labelledby", title.id);
  panel.querySelector(".operations").setAttribute("aria-label", `${title.textContent}: operations`);
  const button = panel.querySelector("button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask(`v1/upstreams/${encodeURIComponent(name)}/${button.dataset.way}`, { method: "POST" });
      await changed();
      title.tabIndex = -1; // keeps the focus when the button disappears
      title.focus();
    } catch (failure) {
      say(panel.querySelector(".reset .note"), failure.message);
    } finally {
      button.disabled = false;
    }
  });
  find("sites").append(panel);
  return panel;
}

function fill(panel, upstream) {
  const { state, reason } = condition(upstream);
  const quiet = state === "healthy" && !wasAsked(upstream);
  panel.dataset.state = quiet ? "quiet" : state;
  say(panel.querySelector(".word"), quiet ? "no traffic yet" : state);
  say(panel.querySelector("code"), reason ?? "");
  const why = state === "healthy" ? "" : `${nameOf(upstream.name)} ${did(reason)}. ${STATES[state]?.means ?? ""}`;
  say(panel.querySelector(".why"), why);
  const { pause, calls } = upstream;
  panel.querySelector(".pause").hidden = !pause;
  if (pause) {
    panel.querySelector(".until").replaceChildren(countdown(pause.until));
    say(panel.querySelector(".reason"), pause.note || "no note");
  }
  say(panel.querySelector(".calls"), `Calls today, in Seoul: ${number(calls.used)}${calls.limit ? ` of ${number(calls.limit)}` : ""}.`);
  const operations = Object.entries(upstream.operations);
  panel.querySelector(".operations").replaceChildren(...operations.map(([name, operation]) => line(name, operation)));
  charts(panel, upstream.minutes);
  const held = operations.some(([, { state: each }]) => each === "suspended" || each === "probing");
  const way = pause ? "resume" : "reset";
  const button = panel.querySelector(".reset button");
  if (button.dataset.way !== way) {
    button.dataset.way = way;
    button.textContent = WAYS[way].button(nameOf(upstream.name));
    say(panel.querySelector(".reset .note"), WAYS[way].note);
  }
  panel.querySelector(".reset").hidden = !held && !pause;
}

function line(name, { state, reason, since, retry_at: moment, failures, level }) {
  const healthy = state === "healthy";
  const item = make(
    "li",
    { "data-state": state },
    make("span", { class: "mark", "aria-hidden": "true" }),
    make(healthy ? "span" : "strong", {}, OPERATIONS[name] ?? name),
    " ",
    make("code", {}, name),
    make("span", { class: healthy ? "unseen" : "" }, ` ${state}`),
  );
  if (healthy) return item;
  item.append(make("br"), make("code", {}, reason));
  if (since) item.append(", ", ago(since));
  if (moment) item.append("; next try ", countdown(moment));
  if (failures > 1) item.append(`; ${failures} failures in a row`);
  if (level > 1) item.append(`; step ${level} of 6`);
  return item;
}

function charts(panel, minutes) {
  const [columns, curve] = panel.querySelectorAll("svg");
  const times = minutes.map(({ mean_ms: ms }) => ms).filter((ms) => ms !== null);
  const busiest = rounded(Math.max(LEAST_REQUESTS, ...minutes.map(({ requests }) => requests)));
  const slowest = rounded(Math.max(LEAST_MS, ...times));
  const first = SLOTS - minutes.length;
  columns.replaceChildren(...minutes.flatMap((minute, index) => column(minute, first + index, HEIGHT / busiest)));
  curve.replaceChildren(...trace(minutes, first, HEIGHT / slowest));
  axis(columns, number(busiest), number(busiest / 2));
  axis(curve, milliseconds(slowest), milliseconds(slowest / 2));
  say(panel.querySelector(".hour"), hour(minutes, times));
}

// The end of an axis: the next of 1, 2, 4, 6, 10, 20, 40 …
function rounded(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 10].map((step) => step * power).find((end) => end >= most);
}

function axis(chart, top, middle) {
  const [high, half] = chart.closest("figure").querySelectorAll(".axis span");
  say(high, top);
  say(half, middle);
}

function hour(minutes, times) {
  const requests = total(minutes.map((minute) => minute.requests));
  const failures = Object.entries(failuresOf(minutes));
  const time = `Last ${Math.min(SLOTS, minutes.length)} min: `;
  if (!requests) return `${time}no requests.`;
  const kinds = failures.map(([reason, count]) => `${number(count)} ${reason}`).join(", ");
  const failed = failures.length ? `${number(total(failures.map(([, count]) => count)))} failed (${kinds})` : "none failed";
  return `${time}${number(requests)} requests, ${failed}; latest mean ${milliseconds(times.at(-1))}.`;
}

function failuresOf(minutes) {
  const sums = {};
  for (const { failures } of minutes) {
    for (const [reason, count] of Object.entries(failures)) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}

function column({ requests, failures }, slot, scale) {
  if (!requests) return [];
  return [["asked", requests], ["failed", total(Object.values(failures))]]
    .filter(([, count]) => count)
    .map(([kind, count]) => {
      const height = Math.max(count * scale, 1);
      return shape("rect", { class: kind, x: slot + 0.1, y: HEIGHT - height, width: 0.8, height });
    });
}

function trace(minutes, first, scale) {
  let path = "";
  let pen = "M";
  minutes.forEach(({ mean_ms: ms }, index) => {
    if (ms === null) {
      pen = "M";
      return;
    }
    const y = (HEIGHT - ms * scale).toFixed(2);
    // A single minute is drawn as a dash, as wide as the minute.
    path += pen === "M" ? `M${first + index} ${y}h1` : `L${first + index + 0.5} ${y}`;
    pen = "L";
  });
  return path ? [shape("path", { d: path, "vector-effect": "non-scaling-stroke" })] : [];
}

function shape(tag, about) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(about)) element.setAttribute(name, value);
  return element;
}
