"""The fields of a registration, by the vendor's own names.

Source: the vendor's OpenAPI document for pec.openapi.it, schemas `BodyPostPec`, `TipologieCliente` and
`Callback`; the vendor's product page for PECMASSIVA.
"""

from __future__ import annotations

CALLBACK = "callback"
AUTO_RENEW = "autorinnovo"

TEXTS: tuple[str, ...] = (
    "casella_pec",
    "tipo_casella",
    "tipo_cliente",
    "sottotipo_cliente",
    "sottotipo_cliente_altro",
    "nome_richiedente",
    "cognome_richiedente",
    "email",
    "telefono",
    "cellulare",
    "codice_fiscale_richiedente",
    "data_nascita_richiedente",
    "sesso_richiedente",
    "nazione_nascita_richiedente",
    "comune_nascita_richiedente",
    "provincia_nascita_richiedente",
    "denominazione_titolare",
    "cf_piva_titolare",
    "indirizzo_titolare",
    "comune_titolare",
    "cap_titolare",
    "nazione_titolare",
    "provincia_titolare",
    "tipo_documento",
    "numero_documento",
    "data_scadenza_documento",
    "documento_rilasciato_da",
    "data_rilascio_documento",
)
"""The texts of BodyPostPec, in its order."""

OPTIONAL = frozenset(
    {
        "sottotipo_cliente",
        "sottotipo_cliente_altro",
        "cellulare",
        "comune_nascita_richiedente",
        "provincia_nascita_richiedente",
        "denominazione_titolare",
        "cf_piva_titolare",
        "tipo_documento",
        "numero_documento",
        "data_scadenza_documento",
        "documento_rilasciato_da",
        "data_rilascio_documento",
    }
)
"""Those that the vendor's sample leaves empty (``""``) or out; all others are `required`."""

REQUIRED: tuple[str, ...] = tuple(name for name in TEXTS if name not in OPTIONAL)
KNOWN: tuple[str, ...] = (*TEXTS, CALLBACK, AUTO_RENEW)

CALLBACK_KEYS: tuple[str, ...] = ("url", "field", "method", "data")
METHODS: tuple[str, ...] = ("POST", "JSON")
"""How the registry calls back; POST unless told."""

KIND = "PECMASSIVA"
"""The only `tipo_casella` that sends through ws.pecmassiva.com, and so the only one registered here."""

OTHER_KINDS: tuple[str, ...] = ("STANDARD", "BRONZE", "SILVER", "GOLD", "DOMICILIODIGITALE")

CLIENTS: dict[str, str] = {
    "IM": "a company (impresa)",
    "PS": "a professional",
    "PL": "a local authority (pubblica amministrazione locale)",
    "PC": "a central authority (pubblica amministrazione centrale)",
    "A": "an association",
    "PV": "a private person",
    "X": "anybody else",
}
"""`tipo_cliente` and whom it means."""

ORGANISATIONS = frozenset({"IM", "PL", "PC", "A"})
"""Clients whose mailbox is held by somebody else than the applicant, who signs for them."""

SUBTYPES: dict[str, tuple[str, ...]] = {
    "IM": ("SI", "IN", "CM", "TE", "ES", "ME", "AL", "CF", "ED", "TM", "MA", "AR", "TL", "FI", "X"),
    "PS": ("PC", "PR", "PN", "PT", "PA", "PL", "X"),
    "PL": ("LR", "LP", "LC", "LM", "LA", "LI", "X"),
}
"""`sottotipo_cliente` by `tipo_cliente`; the others have none."""

OTHER = "X"
"""The subtype that `sottotipo_cliente_altro` puts into words."""

DOCUMENTS: tuple[str, ...] = ("CARTA_D_IDENTITA", "PATENTE", "PASSAPORTO")
"""`tipo_documento`."""

CAPITALS = frozenset(
    {
        "tipo_casella",
        "tipo_cliente",
        "sottotipo_cliente",
        "sesso_richiedente",
        "nazione_nascita_richiedente",
        "provincia_nascita_richiedente",
        "nazione_titolare",
        "provincia_titolare",
        "tipo_documento",
    }
)
"""Codes; the vendor's samples write some of them in small letters, and its answers in capitals."""

MASSIVE_DOMAIN = "pecmassiva.com"
"""Where a PECMASSIVA mailbox lies unless the client has a certified domain of its own."""

OTHERS_DOMAINS: dict[str, str] = {
    "legalmail.it": "STANDARD, BRONZE, SILVER and GOLD mailboxes",
    "domiciliodigitale.com": "DOMICILIODIGITALE mailboxes",
}
"""The vendor's other domains, and the kinds of mailbox they are for."""

TEST_DOMAINS: tuple[str, ...] = ("testcert.legalmail.it", "test.domiciliodigitale.com")
"""Where mailboxes lie on the vendor's test host."""
