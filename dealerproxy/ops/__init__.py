"""Monitoring: the metrics, traces, alert rules and the dashboard."""
