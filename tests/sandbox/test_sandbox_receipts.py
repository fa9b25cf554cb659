"""What comes back: the fate that a recipient's local part asks for, and GET and DELETE /send/{message_id}."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest
from sandbox.talking import HOUR, MAILBOX, OTHER, Talk, headers, talking

pytestmark = pytest.mark.anyio

LATE = "AVVISO DI MANCATA CONSEGNA PER SUP. TEMPO MASSIMO"


async def test_receipts_come_later_and_carry_the_subject_and_the_id() -> None:
    """ACCETTAZIONE after 2 s, CONSEGNA after 10 s of the sandbox's time; 404 before."""
    async with talking(speed=4) as talk:
        message_id = await talk.send(subject="Invio di prova")
        early = await talk.http.get(f"/send/{message_id}")
        talk.clock.seconds += 1  # four sandbox seconds
        accepted = await talk.http.get(f"/send/{message_id}")
        talk.clock.seconds += 2
        delivered = await talk.http.get(f"/send/{message_id}")
    assert early.status_code == 404
    assert early.json() == {"success": False, "message": "Result empty"}
    assert [item["object"] for item in accepted.json()["data"]] == [
        f"ACCETTAZIONE: Invio di prova {message_id}"
    ]
    assert [item["object"] for item in delivered.json()["data"]] == [
        f"ACCETTAZIONE: Invio di prova {message_id}",
        f"CONSEGNA: Invio di prova {message_id}",
    ]


async def test_a_receipt_is_dated_when_it_came_and_names_our_mailbox() -> None:
    """The recipient is never the addressee; the senders are the two providers."""
    async with talking() as talk:
        message_id = await talk.send()
        talk.sandbox.advance(5 * HOUR)
        accepted, delivered = (await talk.http.get(f"/send/{message_id}")).json()["data"]
    assert accepted.keys() == {"sender", "recipient", "data", "object", "message"}
    assert accepted["recipient"] == delivered["recipient"] == MAILBOX
    assert accepted["sender"] == "posta-certificata@example.com"
    assert delivered["sender"] == "posta-certificata@example.org"
    apart = parsedate_to_datetime(delivered["data"]) - parsedate_to_datetime(accepted["data"])
    assert apart.total_seconds() in (7, 8, 9)
    assert (accepted["message"], delivered["message"]) == ("", "<p>Buongiorno</p>")


@pytest.mark.parametrize(
    ("local", "kinds"),
    [
        ("mario.rossi", ["ACCETTAZIONE", "CONSEGNA"]),
        ("mutatis", ["ACCETTAZIONE", "CONSEGNA"]),
        ("mancata1", ["ACCETTAZIONE", "AVVISO DI MANCATA CONSEGNA"]),
        ("mancata-virus", ["ACCETTAZIONE", "AVVISO DI MANCATA CONSEGNA PER VIRUS"]),
        ("non-accettata", ["AVVISO DI NON ACCETTAZIONE"]),
        ("non-accettata-virus.7", ["AVVISO DI NON ACCETTAZIONE PER VIRUS"]),
        ("tempo-massimo", ["ACCETTAZIONE", LATE, LATE]),
        ("tempo-massimo-poi-consegna", ["ACCETTAZIONE", LATE, LATE, "CONSEGNA"]),
        ("preavviso", ["ACCETTAZIONE", "PREAVVISO DI MANCATA CONSEGNA", LATE]),
        ("preavviso-poi-consegna", ["ACCETTAZIONE", "PREAVVISO DI MANCATA CONSEGNA", "CONSEGNA"]),
        ("non-pec", ["ACCETTAZIONE"]),
        ("muta", []),
        ("doppia", ["ACCETTAZIONE", "CONSEGNA", "CONSEGNA"]),
        ("disordine", ["CONSEGNA", "ACCETTAZIONE"]),
        ("avvenuta", ["ACCETTAZIONE", "AVVENUTA CONSEGNA"]),
        ("presa-in-carico", ["ACCETTAZIONE", "PRESA IN CARICO", "CONSEGNA"]),
        ("anomalia", ["ACCETTAZIONE", "CONSEGNA", "ANOMALIA MESSAGGIO"]),
        ("rem", ["REM SubmissionAcceptance", "ACCETTAZIONE", "CONSEGNA"]),
    ],
)
async def test_the_local_part_decides_what_comes_back(local: str, kinds: list[str]) -> None:
    """Case does not count, and a word counts only as a whole one."""
    async with talking() as talk:
        await talk.send(f"{local.capitalize()}@example.org")
        talk.sandbox.advance(72 * HOUR)
        assert await talk.kinds() == kinds


async def test_rifiutata_is_refused_with_400_every_time() -> None:
    """No receipt ever comes."""
    async with talking() as talk:
        statuses = [(await talk.post("rifiutata@example.org")).status_code for _ in range(2)]
        talk.sandbox.advance(72 * HOUR)
        assert await talk.kinds() == []
    assert statuses == [400, 400]


async def _after(talk: Talk, hours: float) -> list[str]:
    talk.sandbox.advance(hours * HOUR)
    return await talk.kinds()


async def test_tempo_massimo_warns_after_12_hours_and_ends_after_24() -> None:
    """Both notices share one subject, so only their dates tell them apart."""
    async with talking() as talk:
        await talk.send("tempo-massimo@example.org")
        assert await _after(talk, 11.9) == ["ACCETTAZIONE"]
        assert await _after(talk, 0.2) == ["ACCETTAZIONE", LATE]
        assert await _after(talk, 11.8) == ["ACCETTAZIONE", LATE]
        assert await _after(talk, 0.2) == ["ACCETTAZIONE", LATE, LATE]


@pytest.mark.parametrize(("local", "hours"), [("ritardo", 6), ("ritardo-13h", 13), ("ritardo-90m.2", 1.5)])
async def test_ritardo_delivers_late(local: str, hours: float) -> None:
    """Six hours late, or as the local part says."""
    async with talking() as talk:
        await talk.send(f"{local}@example.org")
        assert await _after(talk, hours - 0.01) == ["ACCETTAZIONE"]
        assert await _after(talk, 0.02) == ["ACCETTAZIONE", "CONSEGNA"]


@pytest.mark.parametrize(
    ("local", "reason"),
    [
        ("mancata", "utente sconosciuto"),
        ("mancata-casella-piena", "casella piena"),
        ("mancata-casella-disabilitata", "casella disabilitata"),
        ("mancata-utente-revocato", "utente revocato"),
        ("mancata-dominio-inesistente", "dominio inesistente"),
    ],
)
async def test_a_non_delivery_says_to_whom_and_why(local: str, reason: str) -> None:
    """In Italian, with the addressee in quotes."""
    async with talking() as talk:
        message_id = await talk.send(f"{local}@example.org")
        talk.sandbox.advance(60)
        notice = (await talk.http.get(f"/send/{message_id}")).json()["data"][-1]
    assert reason in notice["message"]
    assert f'destinato all\'utente "{local}@example.org"' in notice["message"]


async def test_several_recipients_have_one_acceptance_and_a_delivery_each() -> None:
    """The list does not say whose; the text of each delivery does."""
    async with talking() as talk:
        await talk.send(["a@example.org", "mancata@example.org", "b@example.org"])
        talk.sandbox.advance(60)
        kinds = await talk.kinds()
        items = (await talk.inbox())["data"]
        texts = [(await talk.http.get(f"/inbox/{item['id']}")).json()["data"]["body"] for item in items]
    assert sorted(kinds) == ["ACCETTAZIONE", "AVVISO DI MANCATA CONSEGNA", "CONSEGNA", "CONSEGNA"]
    plain = [unquote_plus(text) for text in texts]
    for address in ("a@example.org", "b@example.org"):
        assert sum(f'indirizzato a "{address}" è stato consegnato' in text for text in plain) == 1


async def test_one_refused_recipient_spoils_the_acceptance_of_all() -> None:
    """A message that is not accepted goes to nobody."""
    async with talking() as talk:
        await talk.send(["a@example.org", "non-accettata@example.org"])
        talk.sandbox.advance(60)
        assert await talk.kinds() == ["AVVISO DI NON ACCETTAZIONE"]


async def test_a_message_to_a_mailbox_of_the_sandbox_comes_in_there() -> None:
    """As POSTA CERTIFICATA, with names quoted and a blank behind them, as in the vendor's sample."""
    async with talking() as talk:
        await talk.send(MAILBOX)
        await talk.send(sender=OTHER, username=OTHER)
        await talk.send(OTHER)
        talk.sandbox.advance(60)
        own: list[dict[str, Any]] = (await talk.inbox())["data"]
        others = (await talk.http.get("/inbox", headers=headers(OTHER))).json()["data"]
    (copy,) = [item for item in own if item["object"].startswith("POSTA CERTIFICATA: ")]
    assert (copy["sender"], copy["recipient"]) == (f'"Per conto di: {MAILBOX}" ', f'"{MAILBOX}" ')
    assert sum(item["object"].startswith("POSTA CERTIFICATA: ") for item in others) == 1


async def test_foreign_mail_can_come_in_by_itself() -> None:
    """One after every two sends, here; it belongs to no message."""
    async with talking(foreign_every=2) as talk:
        for _ in range(4):
            await talk.send()
        talk.sandbox.advance(60)
        kinds = await talk.kinds()
    assert kinds.count("POSTA CERTIFICATA") == 2


async def test_deleting_a_message_s_receipts_leaves_those_still_to_come() -> None:
    """DELETE /send/{id} is 404 where there are none."""
    async with talking() as talk:
        message_id = await talk.send()
        other = await talk.send()
        talk.sandbox.advance(5)
        deleted = await talk.http.delete(f"/send/{message_id}")
        again = await talk.http.delete(f"/send/{message_id}")
        talk.sandbox.advance(60)
        left = (await talk.http.get(f"/send/{message_id}")).json()["data"]
        untouched = (await talk.http.get(f"/send/{other}")).json()["data"]
    assert (deleted.status_code, deleted.json()["success"]) == (200, True)
    assert (again.status_code, again.json()["message"]) == (404, "Email not found")
    assert [item["object"].partition(":")[0] for item in left] == ["CONSEGNA"]
    assert len(untouched) == 2


async def test_an_incoming_message_with_the_id_of_ours_is_none_of_its_receipts() -> None:
    """Ids repeat between mailboxes; GET /send/{id} is about the message this mailbox sent."""
    async with talking() as talk:
        own = await talk.send(sender=OTHER, username=OTHER)
        incoming = await talk.send(OTHER)
        talk.sandbox.advance(60)
        receipts = (await talk.http.get(f"/send/{own}", headers=headers(OTHER))).json()["data"]
        mails = (await talk.http.get("/inbox", headers=headers(OTHER))).json()["total"]
    assert own == incoming
    assert [item["object"].partition(":")[0] for item in receipts] == ["ACCETTAZIONE", "CONSEGNA"]
    assert mails == 3


async def test_receipts_are_seen_by_their_own_mailbox_only() -> None:
    """Another mailbox's message with the same id is another message."""
    async with talking() as talk:
        message_id = await talk.send()
        talk.sandbox.advance(60)
        answer = await talk.http.get(f"/send/{message_id}", headers=headers(OTHER))
    assert answer.status_code == 404
