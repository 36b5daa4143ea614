// What the service's words mean, for an operator on call.

export const SITES = { encar: "Encar", danawa: "Danawa", fx: "The exchange rate" };

export const STATES = {
  healthy: { means: "Requests are sent and answered." },
  degraded: { means: "Some of the latest requests failed. Requests are still sent." },
  suspended: { means: "No request is sent before the time shown. Answers come from stock and cache, marked stale, or fail." },
  paused: { means: "An operator stopped all requests until the time shown. Answers come from stock and cache, marked stale, or fail." },
  probing: { means: "The suspension is over. One request tests whether the site answers." },
};

// did: what the site does, as the end of a sentence. means: the meaning. night: what to do.
export const REASONS = {
  blocked: {
    did: "blocks our requests",
    means: "It returned its block page, or a 403, 404 or 407 instead of an answer.",
    night: "Wait. It is tried again after 3, 10, then 30 minutes; earlier requests prolong a block.",
  },
  rate_limited: {
    did: "rate-limits our requests",
    means: "It returned 429, perhaps with a time for the next request.",
    night: "Wait. If it happens often, lower the site's requests per second (_RPS).",
  },
  timed_out: {
    did: "times out",
    means: "No answer came within the time-out of an attempt.",
    night: "Wait. If both sites time out, check this machine's network first.",
  },
  slow: {
    did: "is slow",
    means: "Its answers are good, but each takes more than 4 seconds.",
    night: "Wait. It is suspended for 5 seconds at a time.",
  },
  unreachable: {
    did: "cannot be reached",
    means: "The connection failed or broke.",
    night: "Wait. If both sites are unreachable, check name look-up, network and firewall of this machine.",
  },
  upstream_error: {
    did: "returns errors",
    means: "It returned an unusable status, mostly 500 to 504, or a body that is too large.",
    night: "Wait. The fault is the site's own.",
  },
  drift: {
    did: "has changed its format",
    means: "A required field is missing or unreadable.",
    night: "Give the paths under Drift to a developer: waiting does not help.",
  },
  mass_absence: {
    did: "is missing most adverts of its cars",
    means: "Most of the last ten adverts that its lists show are missing, so no car counts as gone.",
    night: "Look at a few of its cars by hand. It ends by itself when adverts are found again.",
  },
  unconfirmed: {
    did: "lacks a second witness for a car",
    means: "The feeder and Danawa's list disagree on whether it is on sale, or the list is not read yet.",
    night: "It ends with the next reading of the list, within ten minutes. If not, see why the list fails.",
  },
  overloaded: {
    did: "gets more requests than its rate allows",
    means: "The queue to it is full, so the request was not sent.",
    night: "Find the client with many requests. The site's rate is _RPS in the settings.",
  },
  suspended: {
    did: "is suspended",
    means: "No request was sent, because earlier ones failed.",
    night: "The site's panel shows the reason and the next try.",
  },
  paused: {
    did: "is paused by an operator",
    means: "No process calls it until the pause ends.",
    night: "The note on the site's panel says why. End the pause only if the note allows it.",
  },
  daily_budget: {
    did: "has used up its daily calls",
    means: "The calls that the settings allow per day (in Seoul) are used up. Background work stops at 80 %.",
    night: "Calls start again at midnight in Seoul. Raise the site's _DAILY_CALLS if more calls are allowed.",
  },
  warming: {
    did: "is being read for the first time",
    means: "Danawa's list is read whole before it can be searched and sorted.",
    night: "Retry in a few seconds. This is not a failure.",
  },
  other: {
    did: "fails in another way",
    means: "None of the other reasons.",
    night: "See the log.",
  },
  refreshing: {
    did: "is being refreshed",
    means: "The rows are a little old; a refresh runs in the background.",
    night: "Nothing to do.",
  },
};

export const SKIPPED = {
  source_excluded: "only auction houses were requested",
  upstream_excluded: "the request excludes it",
  nothing_to_ask: "it has none of these cars",
  no_facet: "it has no filter for this",
  filter_unsupported: "it cannot apply one of the filters",
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
  stale: "old, because the site failed",
  error: "no answer",
};

// The kind of a reading of stock.
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
