// The status page: loads the service's status every few seconds while the page is visible.

import { ask, keep } from "./asking.js";
import { ago, clock, day, find, make, minuteOf, number, say, secondsUntil, setClock, span, tick, total } from "./page.js";
import { start as startSearch } from "./search.js";
import { nameOf, show } from "./sites.js";
import { advice, headline, reasons, severity } from "./standing.js";
import { showStock } from "./stock.js";
import { KINDS, REASONS, RESULTS, STATES } from "./words.js";

const EVERY_S = 5;
const AT_MOST_S = 40;
const HOUR_S = 3600;

let timer = 0;
let failures = 0;
let paused = false;
let heardAt = null;
let keyWanted = false;

async function look() {
  clearTimeout(timer);
  if (paused || document.hidden || keyWanted) return;
  try {
    const { body } = await ask("v1/status");
    failures = 0;
    heardAt = Date.now();
    setClock(body.now);
    render(body);
  } catch (failure) {
    failures += 1;
    if (!keyWanted) unheard(failure);
  }
  clearTimeout(timer);
  timer = setTimeout(look, Math.min(EVERY_S * 2 ** Math.max(0, failures - 1), AT_MOST_S) * 1000);
}

function render(status) {
  for (const section of document.querySelectorAll(".heard")) section.hidden = false;
  say(find("version"), status.version);
  say(find("started"), `running for ${span(-secondsUntil(status.started_at))}`);
  verdict(status);
  show(status.upstreams, look);
  showStock(status.upstreams);
  cache(status.cache);
  drift(status.drift);
  captures(status.captures);
  const words = Object.entries(status.untranslated);
  say(find("untranslated"), words.length ? words.map(([kind, count]) => `${kind} ${number(count)}`).join(", ") : "None.");
  rate(status.fx);
  age();
}

// What partners get, why, and what to do.
function verdict({ partners, upstreams, started_at: started }) {
  const quiet = secondsUntil(started) > -HOUR_S ? "no traffic yet" : "no traffic in the last hour";
  document.body.dataset.state = severity(partners, upstreams);
  conclude(headline(partners, quiet), advice(partners, upstreams), reasons(partners, upstreams));
}

function unheard({ status, message }) {
  document.body.dataset.state = "unheard";
  const since = heardAt ? ` since ${minuteOf(heardAt)}` : "";
  const said = status ? `It returned ${status}: ${message} ` : "";
  conclude([`The service has not answered${since}.`], `${said}Check whether the process runs. The figures below are old.`);
}

function conclude(sentences, todo, why = []) {
  const lines = find("verdict");
  if (lines.textContent !== sentences.join("")) lines.replaceChildren(...sentences.map((sentence) => make("span", {}, sentence)));
  find("why").replaceChildren(...why);
  say(find("advice"), todo);
  say(find("spoken"), sentences.join(" "));
  document.title = `${sentences.join(" ")} dealerproxy`;
}

function cache(uses) {
  const counted = uses
    .map(({ kind, results }) => [kind, results, total(Object.values(results))])
    .filter(([, , count]) => count);
  const pieces = counted.filter(([kind]) => kind !== "answer");
  const all = total(pieces.map(([, , count]) => count));
  const kept = total(pieces.map(([, results]) => (results.hit ?? 0) + (results.updating ?? 0)));
  say(find("cache-said"), all ? `${Math.round((100 * kept) / all)} % of ${number(all)} look-ups needed no request to a site.` : "No traffic yet.");
  find("cache").tBodies[0].replaceChildren(
    ...counted.map(([kind, results]) => {
      const parts = Object.keys(RESULTS).filter((result) => results[result]);
      const bar = make("div", { class: "stack", "aria-hidden": "true" });
      for (const result of parts) {
        const part = make("span", { class: result });
        part.style.flexGrow = results[result];
        bar.append(part);
      }
      const said = parts.map((result) => `${number(results[result])} ${RESULTS[result]}`).join(", ");
      return make("tr", {}, make("th", { scope: "row" }, KINDS[kind] ?? kind), make("td", {}, bar, make("span", { class: "note" }, said)));
    }),
  );
}

function drift(seen) {
  say(find("drift-said"), seen.length ? "Give these to a developer." : "None: no answer lacked a required field.");
  find("drift").hidden = !seen.length;
  find("drift").tBodies[0].replaceChildren(
    ...seen.map(({ upstream, operation, path, count }) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, make("code", {}, path), make("span", { class: "note" }, ` ${nameOf(upstream)}, ${operation}`)),
        make("td", { class: "number" }, number(count)),
      ),
    ),
  );
}

function captures(kept) {
  const none = kept ? "None yet." : "Captures are off: DEALERPROXY_CAPTURE_DIR is not set.";
  say(find("captures-said"), kept?.length ? "The latest, for a developer to replay." : none);
  find("captures").replaceChildren(
    ...(kept ?? []).map(({ name, at }) => make("li", {}, make("code", {}, name), make("span", { class: "note" }, " ", ago(at)))),
  );
}

function rate({ krw_per_usd: won, as_of: moment, source }) {
  const old = -secondsUntil(moment);
  const hint = source === "static" && old > 7 * 86400 ? " Set a newer one." : "";
  say(find("rate"), `${number(won)}, ${source}, as of ${day(moment)} (${span(old)} ago).${hint}`);
}

function age() {
  if (keyWanted) say(find("age"), "waiting for a key");
  else if (paused) say(find("age"), heardAt ? `paused at ${clock(heardAt)}` : "paused");
  else if (heardAt) say(find("age"), `as of ${clock(heardAt)}`);
}

function glossary(list, words) {
  for (const [word, { did: does, means, night }] of Object.entries(words)) {
    list.append(
      make("dt", {}, make("code", {}, word), does ? ` The site ${does}.` : ""),
      make("dd", {}, `${means} ${night ?? ""}`),
    );
  }
}

find("pause").addEventListener("click", () => {
  paused = !paused;
  say(find("pause"), paused ? "Resume" : "Pause");
  age();
  look();
});

document.addEventListener("visibilitychange", look);

document.addEventListener("key-wanted", ({ detail }) => {
  keyWanted = true;
  keep("");
  find("key-form").hidden = false;
  conclude(["This service requires a key."], detail === "invalid_api_key" ? "The key is not valid." : "");
  document.body.dataset.state = "locked";
  age();
});

find("key-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  keep(find("key").value.trim());
  find("key").value = "";
  find("key-form").hidden = true;
  keyWanted = false;
  conclude(["Loading …"], "");
  look();
});

for (const [result, means] of Object.entries(RESULTS)) {
  find("legend").append(make("li", {}, make("span", { class: `chip ${result}`, "aria-hidden": "true" }), make("code", {}, result), ` ${means}`));
}
glossary(find("states"), STATES);
glossary(find("reasons"), REASONS);
startSearch();
setInterval(tick, 1000);
look();
