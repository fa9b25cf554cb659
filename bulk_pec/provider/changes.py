"""What came of one request that changes a mailbox: registered, activated, renewed or revoked.

Such a request is sent once. A renewal is a GET, which every HTTP library holds to be harmless and may send
again; so it goes the way of POST /send (`bulk_pec.provider.transport`), which knows whether a first byte
has left. Whatever happens after that and is no clear answer is in doubt: it may have been carried out and
paid for, and only a person, or a look at the mailbox, can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from bulk_pec.domain.addresses import canonical
from bulk_pec.domain.errors import (
    BulkPecError,
    ConfigError,
    CredentialsRefused,
    NoCredit,
    ProviderUnavailable,
)
from bulk_pec.domain.registrations import Answer, Done, InDoubt, Refused
from bulk_pec.provider import outcomes, slips
from bulk_pec.provider.fulfilment import Shortfall
from bulk_pec.provider.refusals import REFUSING, UNREAD, Said, said
from bulk_pec.provider.registrations import registration_of
from bulk_pec.provider.veil import Veil


@dataclass(frozen=True, slots=True)
class Change:
    """What was asked, as far as judging the answer needs it.

    Attributes:
        method: The HTTP method.
        url: Where to, with its query; nothing in it is secret.
        lacks: What a mailbox that the answer tells of still lacks of what was asked.
        id: Of the mailbox; "" for one that has none yet.
        address: Of the mailbox; "" if it is not known.
    """

    method: str
    url: str
    lacks: Shortfall
    id: str = ""
    address: str = ""

    @property
    def what(self) -> str:
        """The request, for people."""
        return f"{self.method} {self.url}"


def without_answer(change: Change, why: str, *, began: bool, veil: Veil) -> InDoubt:
    """What comes of it when no answer was read.

    Raises:
        ProviderUnavailable: No byte of the request had left.
    """
    if began:
        return InDoubt(veil(f"no answer came after the request had left: {why}"))
    raise ProviderUnavailable(
        f"The registry could not be reached, and nothing was sent ({change.what}): {veil(why)}.",
        hint="Check the network and registry_url in [api], or try again later.",
    )


def of_answer(change: Change, answer: outcomes.Answer, veil: Veil) -> Answer:
    """What comes of it when an answer was read.

    Raises:
        CredentialsRefused: 401, 403.
        NoCredit: 402, or a code or words that say so under another status than a server's error.
        ConfigError: 3xx, 405, 415, or a 404 that is not the registry's own: not the service.
        ProviderUnavailable: 429, or a refusal that says "later".
    """
    what = said(answer.status, answer.body, veil, of_id=bool(change.id))
    if 200 <= answer.status < 300:
        return _of_success(change, answer, what)
    error = _ends_it(change, what)
    if error is not None:
        raise error
    if 400 <= answer.status < 500 and answer.status != 408 and _is_no(what):
        return _refused(what)
    words = f": “{what.words}”" if what.words else ""
    return InDoubt(f"the registry answered HTTP {answer.status}, which does not say what was done{words}")


def _of_success(change: Change, answer: outcomes.Answer, what: Said) -> Answer:
    """What a 2xx says."""
    status = f"HTTP {answer.status}"
    if answer.body is None:
        return InDoubt(f"the registry answered {status}, but its answer broke off: {answer.flaw}")
    if what.failed and what.own:
        if what.documented is not None and what.is_final:
            return _refused(what)
        words = f": “{what.words}”" if what.words else " without a reason"
        return InDoubt(f"the registry answered {status} and reports a failure{words}")
    found = registration_of(slips.decode(answer.body), change.id)
    if found is None:
        return InDoubt(f"the registry answered {status}, but not clearly how the mailbox stands now")
    another = change.address and found.address and canonical(found.address) != canonical(change.address)
    if another or (change.id and found.id != change.id):
        return InDoubt(f"the registry answered {status}, but about another mailbox")
    lack = change.lacks(found)
    return InDoubt(f"the registry answered {status}, but {lack}") if lack else Done(found)


def _is_no(what: Said) -> bool:
    """Whether a 4xx says that what was asked was looked at and not done.

    A documented reason says so under any of them. The registry's own words without one do, but for a failure
    of its own, and for a conflict (409: with a request of ours that is still under way, perhaps). Another
    server's page says so only where no server could have carried it out.
    """
    if not what.own:
        return what.status in UNREAD and not what.is_outage
    if what.documented is not None:
        return True
    return what.is_final and what.status in REFUSING - {409}


def _refused(what: Said) -> Refused:
    """A refusal as a value; the kinds that end a command are raised."""
    error = what.as_error()
    if isinstance(error, NoCredit | ProviderUnavailable):
        raise error
    return Refused(what.code, what.sentence, what.hint)


def _ends_it(change: Change, what: Said) -> BulkPecError | None:
    """The error of an answer that says by its status alone that nobody carried it out."""
    status = what.status
    words = f"HTTP {status} from {change.what}" + (f": “{what.words}”" if what.words else "")
    if status in {401, 403}:
        return CredentialsRefused(f"The registry refused the token. {words}.", hint="Check the token.")
    if status == 402:
        return NoCredit(
            f"The wallet of the account holds too little for this. {words}.",
            hint="Top it up, then run again.",
        )
    if 300 <= status < 400 or status in {405, 415} or (status == 404 and not what.own):
        return ConfigError(
            f"The configured address is not the registry. {words}.", hint="Check registry_url in [api]."
        )
    if status == 429:
        return ProviderUnavailable(
            f"The registry takes no more requests for now; nothing was changed. {words}.",
            hint="Run it again later.",
        )
    return None
