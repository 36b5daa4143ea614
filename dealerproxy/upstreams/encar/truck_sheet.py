"""The inspection sheet of a truck. None was captured: it is a report only if all its codes are known from cars."""

from dealerproxy.contract.inspection import Inspection, NoReport, NoReportReason
from dealerproxy.transport.errors import Drift
from dealerproxy.transport.reading import report
from dealerproxy.upstreams.encar.operations import INSPECTION
from dealerproxy.vocabulary import CODE_KINDS, Vocabulary


def read_truck_sheet(body: bytes, vocabulary: Vocabulary) -> Inspection | NoReport:
    """Read the sheet, or return why it is not a report. An unknown shape or code is reported as drift, never raised."""
    heard = vocabulary.counting_apart()
    try:
        sheet = INSPECTION.read(body, heard)
    except Drift as error:
        return _unknown(error)
    odd = next((miss for miss in heard.untranslated if miss[0] in CODE_KINDS), None)
    if odd is None or not isinstance(sheet, Inspection):
        return sheet
    return _unknown(Drift("inners", f"a truck's sheet with {' '.join(odd)}, unknown from cars"))


def _unknown(error: Drift) -> NoReport:
    report(error)
    return NoReport(NoReportReason.UNKNOWN_SHEET)
