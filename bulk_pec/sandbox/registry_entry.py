"""One mailbox in the registry: what was registered, its state, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bulk_pec.sandbox.clock import local
from bulk_pec.sandbox.registry_fates import EVASA, Judgement
from bulk_pec.sandbox.slips import EMPTY

REGISTRATA, IN_EVASIONE, REVOCATA = "registrata", "in_evasione", "revocata"
_BEFORE_CALLBACK = (
    "casella_pec",
    "tipo_casella",
    "tipo_cliente",
    "sottotipo_cliente",
    "sottotipo_cliente_altro",
    "nome_richiedente",
    "cognome_richiedente",
    "email",
    "telefono",
    "codice_fiscale_richiedente",
    "data_nascita_richiedente",
    "sesso_richiedente",
    "nazione_nascita_richiedente",
    "provincia_nascita_richiedente",
    "denominazione_titolare",
    "cf_piva_titolare",
    "indirizzo_titolare",
    "comune_titolare",
    "cap_titolare",
    "nazione_titolare",
    "provincia_titolare",
)
_ONLY_IF_GIVEN = (
    "tipo_documento",
    "numero_documento",
    "data_scadenza_documento",
    "documento_rilasciato_da",
    "data_rilascio_documento",
)
OWNER = "titolare@example.com"
"""The one account that all mailboxes of a sandbox belong to."""
_DISK = 1024
_FIRST_UID, _FIRST_CODE = 177_987, 10_173_956


@dataclass(slots=True)
class Entry:
    """A mailbox.

    Attributes:
        id: 24 hexadecimal digits.
        number: Its place among all, from 0.
        fields: As registered; see `bulk_pec.sandbox.registry_rules.checked`.
        stato: Its state.
        stamps: When what happened, in unix seconds (`timestamp` of the answer).
        history: Every state and when it began, in sandbox seconds since the epoch.
        papers: The documents of the last activation; only their sizes are ever shown.
        activations: How often documents were sent.
        due: What happens next, and when; None if nothing does.
        ordered: What comes of the next documents, if the control path has said so.
    """

    id: str
    number: int
    fields: dict[str, Any] = field(repr=False)
    stato: str = REGISTRATA
    stamps: dict[str, int] = field(default_factory=dict)
    history: list[tuple[str, float]] = field(default_factory=list)
    papers: tuple[bytes, ...] = field(default=(), repr=False)
    activations: int = 0
    due: tuple[float, str] | None = None
    ordered: Judgement | None = None

    @property
    def address(self) -> str:
        """Its certified address."""
        return str(self.fields["casella_pec"])

    @property
    def kind(self) -> str:
        """`tipo_casella`, in capitals."""
        return str(self.fields["tipo_casella"])

    @property
    def callback(self) -> dict[str, Any] | None:
        """Where changes are to be told."""
        return self.fields.get("callback")

    @property
    def expires(self) -> int | None:
        """When an active mailbox expires, in unix seconds."""
        return self.stamps.get("scadenza") if self.stato == EVASA else None

    def enter(self, stato: str, at: float) -> None:
        """Begin a state."""
        self.stato = stato
        self.due = None
        self.history.append((stato, at))
        self.touch(at)
        if stato == EVASA:
            self.stamps.pop("revoca", None)
            self.stamps.setdefault("evasione", int(at))
            if self.stamps.get("scadenza", 0) <= at:
                self.stamps["scadenza"] = years_later(at, 1)
        elif stato == REVOCATA:
            self.stamps["revoca"] = int(at)

    def touch(self, at: float) -> None:
        """Note that something changed."""
        self.stamps.setdefault("registrazione", int(at))
        self.stamps["ultima_modifica"] = int(at)

    def in_list(self) -> dict[str, Any]:
        """As GET /pec shows it."""
        return {
            "id": self.id,
            "casella_pec": self.address,
            "tipo_casella": self.kind,
            "stato": self.stato,
            "data_scadenza": self._day("scadenza"),
            "timestamp": dict(self.stamps),
            "owner": OWNER,
        }

    def shown(self) -> dict[str, Any]:
        """As every other call shows it: the keys of the vendor's samples, in their order.

        Until there is something to say, `data_scadenza` is empty and `evasione`, `scadenza`, `revoca`,
        `documenti_attivazione` and `data_attivazione` are not there.
        """
        fields = self.fields
        shown = {name: fields.get(name, "") for name in _BEFORE_CALLBACK}
        shown |= {"callback": self.callback} if self.callback else {}
        shown |= self._state()
        shown |= {name: fields[name] for name in _ONLY_IF_GIVEN if fields.get(name)}
        if self.papers:
            names = [f"{self.id}_{place}_attivazione.pdf" for place in range(len(self.papers))]
            shown["documenti_attivazione"] = names
        if "evasione" in self.stamps:
            shown["data_attivazione"] = self._day("evasione")
        return shown | {"id": self.id, "autorinnovo": fields.get("autorinnovo", False)}

    def slip(self) -> dict[str, Any]:
        """The same, with the vendor's empty `revoca` where there is none."""
        shown = self.shown()
        if "evasione" in self.stamps:
            shown["timestamp"].setdefault("revoca", EMPTY)
        return shown

    def _state(self) -> dict[str, Any]:
        disk = _DISK if "evasione" in self.stamps else 0
        return {
            "dominio": self.address.rpartition("@")[2],
            "owner": OWNER,
            "timestamp": dict(self.stamps),
            "cellulare": self.fields.get("cellulare", ""),
            "comune_nascita_richiedente": self.fields.get("comune_nascita_richiedente", ""),
            "cod_attivazione": str(_FIRST_CODE + self.number),
            "uid": f"MA{_FIRST_UID + self.number}",
            "conservazione": False,
            "data_scadenza": self._day("scadenza"),
            "descrizione": self.address,
            "sms": False,
            "spazio_conservazione": 0,
            "spazio_disco": disk,
            "spazio_storico": disk,
            "stato": self.stato,
            "storico": False,
        }

    def _day(self, stamp: str) -> str:
        """A day in Italy, ``dd/mm/yyyy``; empty if it is not known."""
        return f"{local(self.stamps[stamp]):%d/%m/%Y}" if stamp in self.stamps else ""


def years_later(at: float, years: int) -> int:
    """The same day and hour so many years later, in unix seconds; 28 February for a 29th that is none."""
    moment = local(at)
    try:
        later = moment.replace(year=moment.year + years)
    except ValueError:
        later = moment.replace(year=moment.year + years, day=28)
    return int(datetime.timestamp(later))
