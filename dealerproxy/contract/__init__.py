"""What client and server both speak: answers, rows, cars, errors, headers, terms and pricing rules."""
