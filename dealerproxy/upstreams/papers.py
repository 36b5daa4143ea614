"""Names of a car's papers, as in `enrichment` of an answer."""

INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
# Fetched like papers, but not in `enrichment`.
PACKAGES, BATTERY = "packages", "battery"
# The reason of a paper that `failed` because it contradicts the advert.
OTHER_VEHICLE = "other_vehicle"
