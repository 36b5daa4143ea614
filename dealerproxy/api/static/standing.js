// The page's first lines: what partners get now, why, and what to do.

import { ago, countdown, make, minuteOf } from "./page.js";
import { did, nameOf } from "./sites.js";
import { OPERATIONS, REASONS } from "./words.js";

/** What partners get, in one sentence each for lists and cars; without traffic, `quiet`. */
export function headline({ lists, cars }, quiet) {
  if ([...lists, ...cars].every(({ status }) => status === null)) return [`Lists and cars: ${quiet}.`];
  return [sentence("Lists", lists, quiet), sentence("Cars", cars, quiet)];
}

/** The severity: quiet, healthy, degraded or down. */
export function severity({ lists, cars }, upstreams) {
  const statuses = [...lists, ...cars].map(({ status }) => status);
  if (statuses.includes("failed")) return "down";
  const troubled = statuses.includes("stale") || statuses.includes("partial") || others(upstreams).length;
  if (troubled) return "degraded";
  return statuses.every((status) => status === null) ? "quiet" : "healthy";
}

function sentence(label, sources, quiet) {
  const failed = sources.filter(({ status }) => status === "failed");
  const giving = sources.filter(({ status }) => status !== "failed" && status !== null);
  if (failed.length === sources.length) return `${label}: 503${since(failed)}.`;
  if (!failed.length && !giving.length) return `${label}: ${quiet}.`;
  if (giving.length === sources.length && giving.every(({ status }) => status === "ok")) return `${label}: both sites.`;
  if (giving.length === 1 && failed.length === sources.length - 1) {
    const [{ name, status }] = giving;
    return `${label}: ${nameOf(name)} only${status === "ok" ? "" : ` (${status})`}${since(failed)}.`;
  }
  const parts = sources.map((source) => {
    if (source.status === "ok") return nameOf(source.name);
    if (source.status === null) return `${nameOf(source.name)} not called`;
    return `${nameOf(source.name)} ${source.status}${since([source])}`;
  });
  return `${label}: ${parts.join(", ")}.`;
}

// If several failed, the trouble began with the last failure.
function since(sources) {
  const moments = sources.map(({ since: moment }) => moment).filter(Boolean).sort();
  return moments.length ? ` since ${minuteOf(moments.at(-1))}` : "";
}

/** Why: a short sentence for each site and operation in trouble. */
export function reasons({ lists, cars }, upstreams) {
  const told = [
    ...lists.filter(troubled).map((source) => because(source, "lists")),
    ...cars.filter(troubled).map((source) => because(source, "cars")),
    ...others(upstreams).map(({ name, operation, reason, retry_at: moment }) =>
      make("li", {}, `${nameOf(name)}, ${(OPERATIONS[operation] ?? operation).toLowerCase()}: suspended, because it ${did(reason)}`, ...again(moment), ". Cars come without them."),
    ),
  ];
  if ([...lists, ...cars].some(({ status }) => status === "stale")) {
    told.push(make("li", {}, "Answers continue from stock and cache, marked stale."));
  }
  return told;
}

/** What to do, without repetition. */
export function advice({ lists, cars }, upstreams) {
  const all = [...lists, ...cars].filter(troubled).concat(others(upstreams));
  const nights = new Set(all.map(({ reason }) => REASONS[reason]?.night).filter(Boolean));
  if (!nights.size) return "Nothing to do.";
  return [...nights].map((night, index) => (index ? night.replace(/^Wait\. /, "") : night)).join(" ");
}

function because({ name, status, reason, since: began, retry_at: moment }, kind) {
  const what = `${began ? "suspended" : status}${reason ? `, because it ${did(reason)}` : ""}`;
  return make(
    "li",
    {},
    `${nameOf(name)} ${kind}: ${reason === "paused" ? "paused by an operator" : what}`,
    ...(began ? [", ", ago(began)] : []),
    ...again(moment),
    ".",
  );
}

const again = (moment) => (moment ? ["; next try ", countdown(moment)] : []);
const troubled = ({ status }) => status !== null && status !== "ok";

// Operations that lists and cars do not need.
function others(upstreams) {
  const needed = new Set(["search", "list", "detail", "feeder"]);
  return upstreams.flatMap(({ name, operations }) =>
    Object.entries(operations)
      .filter(([operation, { state }]) => !needed.has(operation) && state !== "healthy" && state !== "degraded")
      .map(([operation, circuit]) => ({ name, operation, ...circuit })),
  );
}
