"""The codes in `error` of the registry's answers: what each means, and how a command that meets it ends.

Source: the vendor's OpenAPI document for pec.openapi.it, the examples of every call's refusals. The
document shows one example a status, so the service surely has more codes than are known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bulk_pec.domain.exits import Reason


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means.

    Attributes:
        sentence: In plain words, what the registry says no to.
        hint: What to do.
        reason: How a command ends that was refused so. `COMPLETE` is for codes that say "there is none".
        unknown: Whether it says that the registry knows no such id.
    """

    sentence: str
    hint: str
    reason: Reason = Reason.DATA
    unknown: bool = False


_NO_ID = Meaning(
    "This is not the id of a mailbox: the registry cannot read it.",
    "`bulk-pec mailbox list` shows the ids of the account's mailboxes.",
)
_UNKNOWN = Meaning(
    "The registry knows no mailbox of this id in this account.",
    "`bulk-pec mailbox list` shows the ids of the account's mailboxes; one bought on the vendor's website is "
    "not among them.",
    unknown=True,
)
_NO_CREDIT = Meaning(
    "The wallet of the account holds too little for this.",
    "Top it up on the vendor's website, then run again.",
    Reason.CREDIT,
)
_NO_REQUEST_ID = Meaning(
    "This is not the id of a request to the business register: the registry cannot read it.",
    "Copy the id from the answer that registered the request.",
)
_NO_REQUEST = Meaning(
    "The registry knows no request to the business register of this id in this account.",
    "Copy the id from the answer that registered the request.",
    unknown=True,
)
_NOT_OURS = "bulk-pec does not ask for this; look at what else uses the account."
_NO_DOCUMENTS = Meaning(
    "The documents are missing from the request.",
    "Give the PDF that holds the signed form and the identity document.",
)

CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        # GET /pec, GET /pec/{id}, GET /pec/{id}/rinnovo
        200: Meaning(
            "No mailbox is registered through this account.",
            "`bulk-pec mailbox register FILE` registers one; one of the vendor's website is not listed.",
            Reason.COMPLETE,
        ),
        201: _NO_ID,
        202: _UNKNOWN,
        203: Meaning(
            "Only a mailbox in the state evasa or revocata can be renewed.",
            "`bulk-pec mailbox show ID` tells its state; wait until it is active.",
        ),
        # GET /verifica_pec/{pec}
        207: Meaning("The address to check is missing.", "Give all of it, such as name@pecmassiva.com."),
        208: Meaning(
            "The registry does not take this for a certified address.",
            "Give the whole address: name@pecmassiva.com, or name@testcert.legalmail.it on a test host.",
        ),
        # POST /pec/{id}/multiutenza
        212: _NO_ID,
        213: _UNKNOWN,
        217: Meaning("The mailbox has as many users as it may have.", _NOT_OURS),
        220: _NO_CREDIT,
        # POST /pec
        224: Meaning(
            "The kind of mailbox is missing from the registration.",
            'Add tipo_casella = "PECMASSIVA" to the file.',
        ),
        242: Meaning(
            "The applicant's date of birth is not written as the registry wants it.",
            "Write data_nascita_richiedente as dd/mm/yyyy, such as 31/01/1980.",
        ),
        262: _NO_CREDIT,
        # PATCH /pec/{id}/attivazione, …/modifica, …/conservazione, …/trasformazione
        265: _NO_ID,
        266: _UNKNOWN,
        267: Meaning(
            "Documents are taken only while the mailbox is in the state registrata or documenti_errati.",
            "`bulk-pec mailbox show ID` tells its state; in_evasione means that they are being looked at.",
        ),
        272: Meaning("The kind of a mailbox can be changed only once it is active.", _NOT_OURS),
        276: Meaning("A mailbox can be changed to a larger kind only.", _NOT_OURS),
        279: _NO_CREDIT,
        282: Meaning("The mailbox has no long-term archive yet.", _NOT_OURS),
        290: _NO_CREDIT,
        293: Meaning("The mailbox has a long-term archive already.", _NOT_OURS),
        294: _NO_DOCUMENTS,
        296: Meaning(
            "The registry does not take the file for a PDF.",
            "Join the signed form and the identity document in one PDF, and see that it opens.",
        ),
        297: _NO_CREDIT,
        # DELETE /pec/{id}
        301: _NO_ID,
        302: _UNKNOWN,
        303: Meaning("The mailbox is revoked already.", "Nothing is left to do."),
        304: Meaning(
            "Only an active mailbox can be revoked.",
            "`bulk-pec mailbox show ID` tells its state; one that never was active needs no revoking.",
        ),
        # PATCH /pec/{id}/modifica, POST /pec
        325: Meaning("Space is given in steps of 1,024 only.", _NOT_OURS),
        326: Meaning(
            "The domain of the address is not known to the registry, or is somebody else's.",
            "Use @pecmassiva.com, or have the vendor set up your own domain first.",
        ),
        # /comunica_pec
        332: Meaning("This account has no request to the business register.", _NOT_OURS, Reason.COMPLETE),
        333: _NO_REQUEST_ID,
        334: _NO_REQUEST,
        336: Meaning("The registry does not take this for a certified address.", _NOT_OURS),
        344: Meaning("The company's tax code or VAT number is missing.", _NOT_OURS),
        351: _NO_CREDIT,
        353: _NO_REQUEST_ID,
        354: _NO_REQUEST,
        355: Meaning("The request does not wait for documents.", _NOT_OURS),
        356: _NO_DOCUMENTS,
        # POST /pec/{id}/multiutenza
        390: Meaning("A mailbox of this kind cannot have this service.", _NOT_OURS),
        # GET /domini_pec/{dominio}
        400: Meaning("The domain to look up is missing.", "Give a domain, such as example.com."),
        401: Meaning("The registry does not take this for a domain.", "Give a domain, such as example.com."),
        402: Meaning("The registry cannot answer this at present.", "Try again later.", Reason.UNAVAILABLE),
        403: _NO_CREDIT,
    }
)
"""Every documented code."""


def meaning_of(code: int | None) -> Meaning | None:
    """What a code means; None for one that is not documented, and for none."""
    return None if code is None else CODES.get(code)
