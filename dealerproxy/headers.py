"""The names of the headers of our own, on both ends of the wire."""

REQUEST_ID = "X-Request-Id"
API_KEY = "x-api-key"
DEADLINE_HEADER = "X-Request-Deadline-Ms"
PARTIAL_HEADER = "X-LMN-Partial-Dealer-Unavailable"
PAGE_MAX_HEADER = "X-LMN-Dealer-Page-Max"
