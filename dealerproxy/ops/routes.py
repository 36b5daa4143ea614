"""The name of a request's route, for metrics, traces and the log."""

from aiohttp import web


def route_of(request: web.Request) -> str:
    """Return the route's template: paths as such would make a line, and a figure, per car."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
