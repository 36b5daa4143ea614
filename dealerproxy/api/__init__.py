"""The HTTP surface: routes, middleware, the error envelope."""
