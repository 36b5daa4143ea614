// A panel for each site: how it stands, its last hour, its operations, and the way to have it asked again.

import { ask } from "./asking.js";
import { clock, countdown, find, make, milliseconds, number, say, total } from "./page.js";
import { OPERATIONS, REASONS, SITES, STATES } from "./words.js";

const SLOTS = 60;
const HEIGHT = 20;
const panels = new Map();

// A site whose requests of the last minutes failed so often is in trouble, even where nothing suspends it, as for drift.
const RECENT = 5;
const LEAST = 2;
const TROUBLE = 0.2;

export const nameOf = (site) => SITES[site] ?? site;
export const did = (reason) => REASONS[reason]?.did ?? `is in trouble (${reason})`;

/** How a site does: by its circuits and, where they are well, by what came of the last minutes' requests. */
export function condition({ state, reason, minutes }) {
  if (state !== "healthy") return { state, reason };
  const recent = minutes.slice(-RECENT);
  const failures = Object.entries(failuresOf(recent)).sort(([, one], [, other]) => other - one);
  const failed = total(failures.map(([, count]) => count));
  const asked = total(recent.map(({ requests }) => requests));
  if (failed < Math.max(LEAST, TROUBLE * asked)) return { state, reason };
  return { state: "degraded", reason: failures[0][0], always: failed >= asked };
}

/** Whether a site was asked anything in the last hour: how one is that was not, nobody knows. */
export function wasAsked({ minutes }) {
  return minutes.some(({ requests }) => requests);
}

// How an operator lets a site be asked again: the route, the button, and what is good to know before.
const WAYS = {
  reset: {
    button: (site) => `Ask ${site} again now`,
    note: "It is tried again by itself. Do this only once you know that the site is well.",
  },
  resume: { button: (site) => `End the pause of ${site}`, note: "It ends by itself." },
};

/** Show the sites; `changed` is called after one was reset or resumed. */
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
      title.tabIndex = -1; // the button is gone, and focus should not be lost with it
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
  panel.dataset.state = state;
  say(panel.querySelector(".word"), STATES[state].word);
  say(panel.querySelector("code"), state === upstream.state ? state : reason);
  const well = wasAsked(upstream) ? "Every operation that was asked answers." : "It was not asked in the last hour.";
  say(panel.querySelector(".why"), state === "healthy" ? well : `It ${did(reason)}. ${STATES[state].means}`);
  charts(panel, upstream.minutes);
  const { pause, calls } = upstream;
  panel.querySelector(".pause").hidden = !pause;
  if (pause) {
    say(panel.querySelector(".until"), clock(pause.until));
    say(panel.querySelector(".reason"), pause.note || "no note");
  }
  say(panel.querySelector(".calls"), `Calls today, in Seoul: ${number(calls.used)}${calls.limit ? ` of ${number(calls.limit)}` : ""}.`);
  const operations = Object.entries(upstream.operations);
  panel.querySelector(".operations").replaceChildren(...operations.map(([name, operation]) => line(name, operation)));
  const held = operations.some(([, { state }]) => state === "suspended" || state === "probing");
  const way = pause ? "resume" : "reset";
  const button = panel.querySelector(".reset button");
  if (button.dataset.way !== way) {
    button.dataset.way = way;
    button.textContent = WAYS[way].button(nameOf(upstream.name));
    say(panel.querySelector(".reset .note"), WAYS[way].note);
  }
  panel.querySelector(".reset").hidden = !held && !pause;
}

function line(name, operation) {
  const healthy = operation.state === "healthy";
  const item = make(
    "li",
    { "data-state": operation.state },
    make("span", { class: "mark", "aria-hidden": "true" }),
    make(healthy ? "span" : "strong", {}, OPERATIONS[name] ?? name),
    " ",
    make("code", {}, name),
    make("span", { class: healthy ? "unseen" : "" }, ` ${STATES[operation.state].word}`),
  );
  if (healthy) return item;
  item.append(make("br"), make("code", {}, operation.reason));
  if (operation.retry_at) item.append(": again ", countdown(operation.retry_at), `, at ${clock(operation.retry_at)}`);
  if (operation.failures > 1) item.append(`; ${operation.failures} failures in a row`);
  if (operation.level > 1) item.append(`; step ${operation.level} of 6`);
  return item;
}

function charts(panel, minutes) {
  const [columns, curve] = panel.querySelectorAll("svg");
  const [asked, took] = panel.querySelectorAll(".now");
  const busiest = Math.max(1, ...minutes.map(({ requests }) => requests));
  const slowest = Math.max(1, ...minutes.map(({ mean_ms: ms }) => ms ?? 0));
  const first = SLOTS - minutes.length;
  columns.replaceChildren(...minutes.flatMap((minute, index) => column(minute, first + index, HEIGHT / busiest)));
  curve.replaceChildren(...trace(minutes, first, HEIGHT / slowest));

  const last = minutes.at(-2) ?? minutes.at(-1) ?? { requests: 0 };
  const times = minutes.map(({ mean_ms: ms }) => ms).filter((ms) => ms !== null);
  say(asked, number(last.requests));
  say(took, times.length ? milliseconds(times.at(-1)) : "–");
  say(panel.querySelector(".hour"), hour(minutes, busiest, slowest));
}

function hour(minutes, busiest, slowest) {
  const requests = total(minutes.map((minute) => minute.requests));
  const failures = Object.entries(failuresOf(minutes));
  const time = minutes.length < SLOTS ? `last ${minutes.length} min` : "last hour";
  if (!requests) return `Nothing was asked in the ${time}.`;
  const kinds = failures.map(([reason, count]) => `${number(count)} ${reason}`).join(", ");
  const failed = failures.length ? `${number(total(failures.map(([, count]) => count)))} failed (${kinds})` : "none failed";
  return `In the ${time}: ${number(requests)} requests, ${failed}. `
    + `Busiest minute ${number(busiest)}, slowest on average ${milliseconds(slowest)}.`;
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
    const y = (HEIGHT - ms * scale * 0.9).toFixed(2);
    // A lone minute is drawn as a dash, as wide as the minute.
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
