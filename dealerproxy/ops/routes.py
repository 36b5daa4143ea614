"""The name of a request's route, for metrics, traces and the log."""

from aiohttp import web


def route_of(request: web.Request) -> str:
    """Returns the route's template. The path itself would make a series per car."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unmatched"
