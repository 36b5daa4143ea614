// What the service's words mean to somebody who is on call at night.

export const SITES = { encar: "Encar", danawa: "Danawa", fx: "The exchange rate" };

export const STATES = {
  healthy: { word: "answering", means: "It is asked, and answers." },
  degraded: {
    word: "answering, with failures",
    means: "Some of what it was asked lately failed. It is still asked.",
  },
  suspended: {
    word: "left alone",
    means: "It is not asked before the time shown. Answers use what was kept of it, or do without it and say so.",
  },
  paused: {
    word: "paused",
    means: "An operator stopped all calls to it until the time shown. Answers use what was kept of it, or do without it "
      + "and say so.",
  },
  probing: { word: "being tried", means: "Its time is over. One request finds out whether it answers again." },
};

// did: what the site does, as the end of a sentence. means and night: for whom looks it up.
export const REASONS = {
  blocked: {
    did: "refuses us",
    means: "It answered with a refusal or with its block page.",
    night: "Wait. It is tried again by itself after 3 minutes, then 10, then 30; asking sooner makes a block longer. "
      + "If it lasts for hours, somebody has to find out why in the morning.",
  },
  rate_limited: {
    did: "wants fewer requests",
    means: "It answered 429, perhaps with the time to come back.",
    night: "Wait. If it happens often, lower the site's requests a second (_RPS) in the settings.",
  },
  timed_out: {
    did: "does not answer in time",
    means: "No answer within the time of an attempt.",
    night: "Wait. If both sites are affected, look at this machine's network first.",
  },
  slow: {
    did: "answers too slowly",
    means: "It answers well, but each answer takes more than 4 seconds.",
    night: "Wait. It is left alone for 5 seconds at a time.",
  },
  unreachable: {
    did: "cannot be reached",
    means: "No connection, or one that broke.",
    night: "If both sites are affected the trouble is ours: name look-up, network or firewall. Otherwise wait.",
  },
  upstream_error: {
    did: "answers with errors",
    means: "A status that nobody can use, mostly 500 to 504, or a body that is too large.",
    night: "Nothing to do here; it is the site's own fault. It is tried again by itself.",
  },
  drift: {
    did: "answers in a new shape",
    means: "Something that every answer must have is missing or unreadable.",
    night: "Waiting does not mend it, and nothing is left alone for it. Hand the paths under Drift to a developer.",
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
    did: "was not asked, as our queue to it is full",
    means: "More was wanted of it than its requests a second allow.",
    night: "Look who asks so much. The settings say how fast each site may be asked.",
  },
  suspended: {
    did: "is left alone for now",
    means: "It was not asked, because it failed or refused us before.",
    night: "The site's panel says why, and when it is asked again.",
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
    did: "fails in a way of its own",
    means: "None of the other reasons.",
    night: "The log says more.",
  },
  refreshing: {
    did: "is being read anew",
    means: "The rows are a little old and are read anew behind the answer.",
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
  detail: "Cars",
  page: "Car pages, the second witness",
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
  stock: "Makes in stock",
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
  hit: "at hand",
  updating: "old, renewed behind",
  miss: "got anew",
  stale: "old, as the site failed",
  error: "nothing to answer with",
};
