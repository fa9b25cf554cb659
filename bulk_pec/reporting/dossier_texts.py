"""What a dossier says of itself, in Italian and English: what it is, and what proves what. Pure."""

from __future__ import annotations

from bulk_pec.reporting.phrases import Words

STATEMENTS: tuple[Words, ...] = (
    Words(
        "Gli originali firmati delle ricevute (i messaggi .eml con daticert.xml) NON sono qui: si trovano "
        "nella casella PEC mittente o, per una ricevuta che il programma ha cancellato dalla casella (i "
        "dati lo dicono), dove furono conservati prima. Il servizio non li consegna ai programmi. Per il "
        "giudice valgono quelli: vanno scaricati con un programma di posta e conservati.",
        "The signed originals of the receipts (the .eml messages with daticert.xml) are NOT here: they lie "
        "in the sending PEC mailbox or, of a receipt that the program has deleted from it (the data say "
        "so), where they were kept before. The service does not hand them to programs. They are what counts "
        "in court: fetch them with a mail program and keep them.",
    ),
    Words(
        "Qui ci sono le ricevute come la casella le elenca (mittente, oggetto, data) e quanto il programma "
        "ha registrato prima e dopo ogni spedizione.",
        "Here are the receipts as the mailbox lists them (sender, subject, date), and what the program "
        "recorded before and after each posting.",
    ),
    Words(
        "La ricevuta di ACCETTAZIONE, del gestore del mittente, prova l'invio; la ricevuta di AVVENUTA "
        "CONSEGNA, del gestore del destinatario, prova la consegna nella casella, che il messaggio sia "
        "letto o no (DPR 11 febbraio 2005 n. 68, art. 6; DM 2 novembre 2005, regole tecniche; RFC 6109).",
        "The receipt of ACCETTAZIONE, by the sender's provider, proves sending; that of AVVENUTA CONSEGNA, "
        "by the recipient's provider, proves delivery into the mailbox, whether it is read or not (DPR 68 "
        "of 11 February 2005 art. 6; DM of 2 November 2005, technical rules; RFC 6109).",
    ),
    Words(
        "La risposta del servizio al momento della spedizione (HTTP 201, message_id) non prova né l'invio "
        "né la consegna.",
        "The service's answer at posting (HTTP 201, a message_id) proves neither sending nor delivery.",
    ),
    Words(
        "Gli orari sono in UTC e nell'ora del fuso indicato. Quelli dei tentativi sono dell'orologio della "
        "macchina che ha spedito; quelli delle ricevute sono la loro data, come la casella la elenca.",
        "Times are in UTC and by the clock of the named zone. Those of attempts are by the clock of the "
        "machine that posted; those of receipts are their date as the mailbox lists it.",
    ),
    Words(
        "L'impronta registrata con ogni tentativo (content_sha256) è lo SHA-256 di: ogni destinatario, "
        "l'oggetto, il testo, poi di ogni allegato nome, tipo e SHA-256 in cifre esadecimali; ciascuno in "
        "UTF-8 e seguito dal byte 1F. Il servizio aggiunge all'oggetto il suo message_id.",
        "The digest recorded with each attempt (content_sha256) is the SHA-256 of: every recipient, the "
        "subject, the text, then of each attachment its name, type and SHA-256 in hex; each in UTF-8 and "
        "followed by the byte 1F. The service appends its message_id to the subject.",
    ),
    Words(
        "manifest.json elenca ogni file con la sua impronta SHA-256; `bulk-pec dossier verify` controlla "
        "ogni byte. Ciò mostra che il fascicolo è come dice il suo manifesto; che sia quello fatto allora "
        "lo mostra l'impronta stampata quando fu fatto, se è stata conservata altrove.",
        "manifest.json lists every file with its SHA-256; `bulk-pec dossier verify` checks every byte. That "
        "shows that the dossier is as its manifest says; that it is the one that was made is shown by the "
        "digest that was printed when it was made, if that was kept elsewhere.",
    ),
)

_MESSAGE_FILES = (
    Words(
        "dossier.html       cronologia e messaggio, da aprire in un browser",
        "dossier.html       timeline and message, for a browser",
    ),
    Words(
        "message.json       tutto ciò che il registro sa del messaggio",
        "message.json       all that the ledger knows of the message",
    ),
    Words(
        "letter.json        il messaggio: destinatari, oggetto, allegati, impronte",
        "letter.json        the message: recipients, subject, attachments, digests",
    ),
    Words(
        "letter/            il testo inviato; gli allegati, se richiesti",
        "letter/            the text as sent; the attachments, if they were asked for",
    ),
    Words(
        "receipts/          i testi archiviati delle ricevute, se ci sono",
        "receipts/          archived texts of receipts, if there are any",
    ),
)
_RUN_FILES = (
    Words("index.html         le cifre", "index.html         the figures"),
    Words(
        "run.json           la lavorazione e gli ordini degli operatori",
        "run.json           the run, and the operators' orders",
    ),
    Words(
        "messages/          una riga JSON per messaggio, mille per file, nell'ordine dell'elenco",
        "messages/          a line of JSON a message, a thousand a file, in the list's order",
    ),
    Words(
        "set-aside/         le righe mai divenute messaggi",
        "set-aside/         rows that never became messages",
    ),
)


def readme(*, whole: bool) -> str:
    """The text of README.txt.

    Args:
        whole: Whether it is a whole run's dossier; else one message's.
    """
    files = _RUN_FILES if whole else _MESSAGE_FILES
    return "\n".join(
        [
            "FASCICOLO DI PROVA (PEC)",
            "",
            *(f"* {one.it}" for one in STATEMENTS),
            "",
            *(f"  {one.it}" for one in files),
            "",
            "",
            "DOSSIER OF EVIDENCE (PEC)",
            "",
            *(f"* {one.en}" for one in STATEMENTS),
            "",
            *(f"  {one.en}" for one in files),
            "",
        ]
    )
