"""Names of a car's papers, as in `enrichment` in an answer."""

INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
