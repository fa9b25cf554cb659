"""The message: whether its templates are there, and compile as a run's do."""

from __future__ import annotations

from collections.abc import Callable

from bulk_pec.checkup.findings import Finding, failed, ok
from bulk_pec.composing import Composer
from bulk_pec.domain.errors import BulkPecError


def message(letters: Callable[[], Composer]) -> Finding:
    """What a run would meet before its first row: no message, a template that cannot be read or has an error.

    Args:
        letters: Makes the composer, the way a run does.
    """
    try:
        templates = letters().templates
    except BulkPecError as error:
        return failed("message", error)
    attached = ", those of attachments too" if templates.attachments else ""
    return ok("message", f"Subject and body ({templates.body_name}) are there and compile{attached}.")
