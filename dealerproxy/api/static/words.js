// What the service's words mean to somebody who is on call at night.

export const SITES = { encar: "Encar", danawa: "Danawa", fx: "The exchange rate" };

export const STATES = {
  healthy: { means: "Requests are sent, and answered." },
  degraded: { means: "Some of the latest requests failed. Requests are still sent." },
  suspended: { means: "No request is sent before the time shown. Answers come from stock and cache, marked stale, or fail." },
  paused: { means: "An operator stopped all requests until the time shown. Answers come from stock and cache, marked stale, or fail." },
  probing: { means: "The suspension is over. One request finds out whether the site answers." },
};

// did: what the site does, as the end of a sentence. means and night: for whom looks it up.
export const REASONS = {
  blocked: {
    did: "blocks our requests",
    means: "It returned its block page, or a 403, 404 or 407 in place of an answer.",
    night: "Wait. It is tried again after 3, 10, then 30 minutes; earlier requests make a block longer.",
  },
  rate_limited: {
    did: "rate-limits our requests",
    means: "It returned 429, perhaps with the time to come back.",
    night: "Wait. If it happens often, lower the site's requests a second (_RPS).",
  },
  timed_out: {
    did: "times out",
    means: "No answer within the time of an attempt.",
    night: "Wait. If both sites time out, check this machine's network first.",
  },
  slow: {
    did: "is slow",
    means: "It answers well, but each answer takes more than 4 seconds.",
    night: "Wait. It is suspended for 5 seconds at a time.",
  },
  unreachable: {
    did: "cannot be reached",
    means: "No connection, or one that broke.",
    night: "Wait. If both sites are unreachable, check our name look-up, network and firewall.",
  },
  upstream_error: {
    did: "returns errors",
    means: "A status that nobody can use, mostly 500 to 504, or a body that is too large.",
    night: "Wait. The fault is the site's own.",
  },
  drift: {
    did: "has changed its format",
    means: "A required field is missing or unreadable.",
    night: "Hand the paths under Drift to a developer: waiting does not help.",
  },
  mass_absence: {
    did: "has lost its cars' adverts",
    means: "Most of the last ten adverts that its lists show are missing, so none of them counts as gone.",
    night: "Look at a few of its cars by hand. It ends by itself as soon as adverts answer again.",
  },
  unconfirmed: {
    did: "has only one witness for a car",
    means: "The feeder calls it on sale but Danawa's list does not show it, or the other way round, or is not read yet.",
    night: "It ends when the list was read again, ten minutes later at most. If it does not, see why the list fails.",
  },
  overloaded: {
    did: "gets more requests than its rate allows",
    means: "The queue to it is full, so the request was not sent.",
    night: "Find out who asks so much. The site's rate is _RPS in the settings.",
  },
  suspended: {
    did: "is suspended",
    means: "No request was sent, because earlier ones failed.",
    night: "The site's panel shows why, and when it is tried again.",
  },
  paused: {
    did: "is paused by an operator",
    means: "No process calls it until the pause ends, by itself or by hand.",
    night: "The note on the site's panel says why. End the pause only if the note allows it.",
  },
  daily_budget: {
    did: "has had its calls of the day",
    means: "The calls that the settings allow in a day of Seoul are used up. Background work stops at 80 % of them.",
    night: "It goes on at midnight in Seoul. Raise the site's _DAILY_CALLS if it may be called more often.",
  },
  warming: {
    did: "is being read for the first time",
    means: "Danawa's list is read whole before it can be searched and sorted.",
    night: "Ask again in a few seconds. It is no failure.",
  },
  other: {
    did: "fails in another way",
    means: "None of the other reasons.",
    night: "See the log.",
  },
  refreshing: {
    did: "is being refreshed",
    means: "The rows are a little old and are read again in the background.",
    night: "Nothing to do.",
  },
};

export const SKIPPED = {
  source_excluded: "only auction houses were asked for",
  upstream_excluded: "it was left out of the search",
  nothing_to_ask: "it has nothing of the kind",
  no_facet: "it has no filter for this",
  filter_unsupported: "it cannot honour one of the filters",
};

export const OPERATIONS = {
  search: "Lists",
  truck_search: "Lists of trucks",
  detail: "Cars",
  page: "Car pages",
  papers: "Inspection, record, diagnosis",
  extras: "Factory packages, batteries",
  list: "Listings",
  feeder: "Cars, at M-Park",
  rate: "Won per dollar",
};

export const KINDS = {
  answer: "Whole lists",
  chunk: "Encar's lists, by the page",
  count: "Encar's counts",
  stock: "Encar's makes",
  listing: "Danawa's listings",
  feeder: "Danawa's cars, at M-Park",
  advert: "Encar's cars",
  batch: "Checks of many cars",
  inspection: "Inspections",
  record: "Insurance records",
  diagnosis: "Diagnoses",
  packages: "Factory packages",
  battery: "Batteries",
};

export const RESULTS = {
  hit: "from cache",
  updating: "old, refreshed in the background",
  miss: "from the site",
  stale: "old, as the site failed",
  error: "no answer",
};

// What a reading of stock was, by the work it did.
export const WORKS = { read: "read", check: "check for new cars", load: "loaded" };

export const SEVERITIES = { major: "major", medium: "medium", minor: "minor" };

export const PRICES = {
  listing_price: "Listing price",
  auction_fee: "Auction fee",
  dealer_fee: "Dealer fee",
  lmn_commission: "Commission",
  ocean_freight: "Ocean freight",
  estimated_landed: "Estimated landed",
};
