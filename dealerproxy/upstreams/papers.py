"""Names of a car's papers, as in `enrichment` in an answer."""

INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
# Fetched like papers, but not in `enrichment`.
PACKAGES, BATTERY = "packages", "battery"
# Why a paper `failed` that was found: it contradicts the advert.
OTHER_VEHICLE = "other_vehicle"
