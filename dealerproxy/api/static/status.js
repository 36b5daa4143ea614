// The page that is looked at first: asks every few seconds how the service does, while somebody looks.

import { ask, keep } from "./asking.js";
import { clock, day, find, make, number, say, secondsUntil, setClock, span, tick, total } from "./page.js";
import { start as startSearch } from "./search.js";
import { condition, did, nameOf, show, wasAsked } from "./sites.js";
import { KINDS, REASONS, RESULTS, STATES } from "./words.js";

const EVERY_S = 5;
const AT_MOST_S = 40;

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
  verdict(status.upstreams);
  show(status.upstreams, look);
  cache(status.cache);
  drift(status.drift);
  captures(status.captures);
  const words = Object.entries(status.untranslated);
  say(find("untranslated"), words.length ? words.map(([kind, count]) => `${kind} ${number(count)}`).join(", ") : "None met.");
  rate(status.fx);
  age();
}

// The whole page in a sentence, and what to do about it.
function verdict(upstreams) {
  const troubled = upstreams.map((upstream) => ({ name: upstream.name, ...condition(upstream) })).filter(({ state }) => state !== "healthy");
  const held = troubled.filter(({ state }) => state !== "degraded");
  document.body.dataset.state = held.length ? "held" : troubled.length ? "degraded" : "healthy";
  if (!troubled.length) {
    well(upstreams.filter(wasAsked).map(({ name }) => nameOf(name)), upstreams.length);
    return;
  }
  const sentences = troubled.map(
    ({ name, reason, state, always }) => `${nameOf(name)} ${did(reason)}${state === "degraded" && !always ? " now and then" : ""}`,
  );
  const meanwhile = held.length
    ? "Meanwhile answers go on with what was kept and with the other site, and say so; where nothing is left they are a 503, never empty. "
    : "It is still asked. What failed is answered with what was kept, or missing and said to be. ";
  conclude(`${sentences.join("; ")}.`, meanwhile + (REASONS[(held[0] ?? troubled[0]).reason]?.night ?? ""));
}

function well(asked, sites) {
  if (!asked.length) conclude("Nothing was asked yet.", "How the sites are shows with the next question.");
  else if (asked.length < sites) conclude(`${asked.join(" and ")} answers.`, "Nothing to do. The other site was not asked in the last hour.");
  else conclude("Both sites answer.", "Nothing to do.");
}

function unheard({ status, message }) {
  document.body.dataset.state = "unheard";
  const since = heardAt ? ` since ${clock(heardAt)}` : "";
  const said = status ? `It said: ${status} ${message} ` : "";
  conclude(
    `The service has not answered${since}.`,
    `${said}Dealer cars are missing from every list now. Look whether the process runs; what stands below is old.`,
  );
}

function conclude(sentence, advice) {
  say(find("verdict"), sentence);
  say(find("advice"), advice);
  say(find("spoken"), sentence);
  document.title = `${sentence} dealerproxy`;
}

function cache(uses) {
  const counted = uses
    .map(({ kind, results }) => [kind, results, total(Object.values(results))])
    .filter(([, , count]) => count);
  const pieces = counted.filter(([kind]) => kind !== "answer");
  const all = total(pieces.map(([, , count]) => count));
  const kept = total(pieces.map(([, results]) => (results.hit ?? 0) + (results.updating ?? 0)));
  say(find("cache-said"), all ? `${Math.round((100 * kept) / all)} % of ${number(all)} pieces came without waiting for a site.` : "Nothing was asked for yet.");
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
  say(find("drift-said"), seen.length ? "A developer should see these; waiting does not mend them." : "None. Every answer had what it must have.");
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
  const none = kept ? "None yet." : "None are kept: DEALERPROXY_CAPTURE_DIR names no folder.";
  say(find("captures-said"), kept?.length ? "The latest, scrubbed, for a developer to replay." : none);
  find("captures").replaceChildren(
    ...(kept ?? []).map(({ name, at }) => make("li", {}, make("code", {}, name), make("span", { class: "note" }, ` ${day(at)}, ${clock(at)}`))),
  );
}

function rate({ krw_per_usd: won, as_of: moment, source }) {
  const old = -secondsUntil(moment);
  const hint = source === "static" && old > 7 * 86400 ? " Nobody has set a newer one." : "";
  say(find("rate"), `${number(won)}, ${source}, as of ${day(moment)} (${span(old)} ago).${hint}`);
}

function age() {
  if (keyWanted) say(find("age"), "waiting for a key");
  else if (paused) say(find("age"), heardAt ? `paused at ${clock(heardAt)}` : "paused");
  else if (heardAt) say(find("age"), `as of ${clock(heardAt)}`);
}

function glossary(list, words) {
  for (const [word, { word: plain, did: does, means, night }] of Object.entries(words)) {
    list.append(
      make("dt", {}, make("code", {}, word), plain ? ` ${plain}` : ` the site ${does}`),
      make("dd", {}, `${means} ${night ?? ""}`),
    );
  }
}

find("pause").addEventListener("click", () => {
  paused = !paused;
  say(find("pause"), paused ? "Go on" : "Pause");
  age();
  look();
});

document.addEventListener("visibilitychange", look);

document.addEventListener("key-wanted", ({ detail }) => {
  keyWanted = true;
  keep("");
  find("key-form").hidden = false;
  conclude("This service asks for a key.", detail === "invalid_api_key" ? "That was none of its keys." : "");
  document.body.dataset.state = "locked";
  age();
});

find("key-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  keep(find("key").value.trim());
  find("key").value = "";
  find("key-form").hidden = true;
  keyWanted = false;
  conclude("Looking …", "");
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
