"""What the service and its client share: answers, rows, cars, errors, headers, terms and pricing rules."""
