"""What ops watch: the metrics, and the alert rules and the dashboard that go with them."""
