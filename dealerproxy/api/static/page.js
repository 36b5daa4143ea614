// Small helpers of the page: elements, and the format of numbers and times.

export const find = (id) => document.getElementById(id);

/** Make an element; children are elements or text, never markup. */
export function make(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Change a text only if it differs, so that screen readers and selections keep their place. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const total = (counts) => counts.reduce((sum, count) => sum + count, 0);
export const number = (value) => value.toLocaleString("en-US");
export const dollars = (value) => (value === null ? "no price" : `$${number(value)}`);
export const clock = (moment) => new Date(moment).toLocaleTimeString("en-GB");
export const minuteOf = (moment) => new Date(moment).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
export const day = (moment) => new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });

export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 && whole < 600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.round(whole / 86400)} days`;
}

export function milliseconds(value) {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}

// Times use the service's clock, not this machine's.
let ahead = 0;
export const setClock = (moment) => { ahead = Date.parse(moment) - Date.now(); };
export const secondsUntil = (moment) => (Date.parse(moment) - Date.now() - ahead) / 1000;

/** A future moment as the time left; `tick` updates it. */
export const countdown = (moment) => relative(moment, "data-until");

/** A past moment as the time since then; `tick` updates it. */
export const ago = (moment) => relative(moment, "data-since");

export function tick() {
  for (const element of document.querySelectorAll("[data-until], [data-since]")) tell(element);
}

function relative(moment, kind) {
  const element = make("time", { datetime: moment, [kind]: moment, title: `${clock(moment)}, ${day(moment)}` });
  tell(element);
  return element;
}

function tell(element) {
  const { until, since } = element.dataset;
  const left = secondsUntil(until ?? since);
  if (since) say(element, left > -1 ? "now" : `${span(-left)} ago`);
  else say(element, left > 0 ? `in ${span(left)}` : "now");
}
