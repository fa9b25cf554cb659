"""The ledger: what was asked, what was tried, what is known. The only room that knows SQL.

| file | responsibility |
|---|---|
| ledger.py | the ledger as the other rooms see it: one object, its parts by noun |
| schema.py, migrate.py | the tables; creating, checking and upgrading a ledger |
| tables.py, registry_tables.py | what tables are made of; those of registrations |
| database.py | connections and transactions, the same on both databases |
| facts.py | what the database says of itself |
| bulk.py | many rows by the driver's fastest way |
| lock.py | the one writing process of a SQLite file |
| runs.py, counts.py | what was loaded and where it stands; the counters, kept where they change |
| loading.py, retries.py | a list becomes a run; so do the failures of another |
| ambiguities.py | ambiguous deliveries, and what a person said of them |
| repeats.py, suppressions.py | what was said before; who is never written to |
| answers.py | what paid look-ups said |
| registrations.py | what the registry said of our own mailboxes |
| changes.py | changes of them that are paid for: intents, and what came of them |
| workers.py | sending processes, their leases and their dead |
| claims.py, canaries.py | blocks; the messages that go first |
| attempts.py, closings.py, returning.py | intents; outcomes, late ones too; what comes back to pending |
| paces.py, usage.py | slots and pauses; what counts against caps and budgets |
| quotas.py | how full mailboxes were, and what receipts are still to add |
| inbox.py, mails.py, harvests.py | what walks read, recorded; mails; walks over a mailbox |
| sightings.py | the mails that pages show, held against those the ledger has |
| folding.py, folded.py, twins.py | receipts matched and folded into messages; messages that left twice |
| waiting.py | receipts without a reference, until their message_id is known |
| kept.py, causes.py, stragglers.py | receipts one by one; why not delivered; what lacks receipts |
| archiving.py, clearing.py | what is archived; what is deleted from its mailbox |
| doubts.py | what may have left, and how that was settled |
| orders.py, control.py | what operators ordered, as rows; as files beside a SQLite ledger |
| views.py | figures and rows, to look at |
| tracing.py, stories.py | which message a word means; all there is of one, or of a run |
| balances.py | rows, attempts and receipts of a run held against each other |
| checking.py, questions.py, copying.py | whether the promises hold, and what is asked; a whole copy |
"""
