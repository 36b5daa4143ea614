"""Names of the papers that go with a car, as `enrichment` in an answer has them."""

INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
