"""Names of a car's papers, as in `enrichment` in an answer."""

INSPECTION, RECORD, DIAGNOSIS = "inspection", "record", "diagnosis"
# Fetched like a paper, but not in `enrichment`.
PACKAGES = "packages"
# Why a paper `failed` that was found: it contradicts the advert.
OTHER_VEHICLE = "other_vehicle"
