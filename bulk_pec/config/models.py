"""Every setting: its type, its default, one line on what it does. `Settings` is the whole file.

A field's description is the line that docs/configuration.md shows; tests hold both together. Text that
may carry a secret (URLs with passwords, user names) is `SecretStr`: repr, str and dumps mask it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bulk_pec.config.values import (
    Address,
    Count,
    CountOrNone,
    DailyWindow,
    Days,
    Duration,
    Encoding,
    Euros,
    LedgerUrl,
    Line,
    Name,
    PingUrl,
    Positive,
    PositiveDuration,
    Separator,
    ServiceUrl,
    Share,
    Timezone,
    Variable,
)


class Section(BaseModel):
    """What all sections share: unknown keys are errors, values do not change, errors hide their input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LedgerSettings(Section):
    """Where the record of every message is kept."""

    url: LedgerUrl = Field(
        default="sqlite:///bulk-pec.db",
        validate_default=True,
        description="SQLite file, or Postgres for several hosts",
    )


class ApiSettings(Section):
    """The provider's services and how they are called."""

    base_url: ServiceUrl = Field(default="https://ws.pecmassiva.com", description="sending, inbox and quota")
    registry_url: ServiceUrl = Field(
        default="https://pec.openapi.it",
        description="the mailbox's life; asked too whether a domain uses certified mail",
    )
    company_url: ServiceUrl = Field(
        default="https://company.openapi.com", description="the PEC of a company by its tax code"
    )
    token_env: Variable = Field(default="BULK_PEC_TOKEN", description="the variable that holds the API token")
    token_file: Name | None = Field(default=None, description="a file that holds the API token, in its place")
    timeout: Positive = Field(default=60.0, description="seconds to wait for an answer")
    max_per_second: Positive = Field(
        default=1.0, description="POST /send a second, all mailboxes together: the vendor documents 1"
    )


class MailboxSettings(Section):
    """One sending mailbox. Its secrets are named here, never written here."""

    address: Address = Field(description="the certified address that sends")
    username: SecretStr | None = Field(default=None, min_length=1, description="the address, unless given")
    username_env: Variable | None = Field(default=None, description="the variable that holds the user name")
    username_file: Name | None = Field(default=None, description="a file that holds the user name")
    password_env: Variable = Field(
        default="BULK_PEC_PASSWORD", description="the variable that holds the password"
    )
    password_file: Name | None = Field(
        default=None, description="a file that holds the password, in its place"
    )
    max_per_second: Positive | None = Field(default=None, description="POST /send a second from this mailbox")
    max_per_day: Count | None = Field(default=None, description="messages a calendar day")
    max_per_month: Count | None = Field(default=None, description="messages a calendar month")
    max_per_year: Count | None = Field(default=None, description="messages a calendar year")


class RecipientsSettings(Section):
    """How the list is read, and what happens to rows that cannot be sent."""

    address_column: Name | None = Field(default=None, description="found among the usual names unless given")
    key_column: Name | None = Field(default=None, description="what makes a message unique; else the address")
    tax_code_column: Name | None = Field(default=None, description="codice fiscale or partita IVA")
    expires_at_column: Name | None = Field(default=None, description="a message is never sent after it")
    lookup: bool = Field(default=False, description="fill missing addresses by tax code")
    check_domains: bool = Field(default=False, description="ask whether each domain uses certified mail")
    allow_multiple: bool = Field(
        default=False, description="several addresses in one cell are one message to all of them"
    )
    on_duplicate: Literal["skip", "fail", "keep"] = Field(
        default="skip", description="a key that comes twice: skip, fail, or keep (appends #2 to the key)"
    )
    on_repeat: Literal["fail", "skip", "warn"] = Field(
        default="fail", description="same key, recipient and content in an earlier run: fail, skip or warn"
    )
    on_invalid: Literal["skip", "fail"] = Field(
        default="skip", description="a row that cannot be sent: skip or fail"
    )
    max_invalid_share: Share = Field(
        default=0.05, description="share of invalid rows above which a list is refused"
    )
    encoding: Encoding = Field(default="auto", description="the list's encoding")
    separator: Separator = Field(default="auto", description="the character between columns")


class MessageSettings(Section):
    """What is sent."""

    subject: Line = Field(default="", description="the subject's template")
    body_file: Name | None = Field(default=None, description="a file that holds the body's template; or body")
    body: str | None = Field(default=None, description="the body's template: HTML, autoescaped; or body_file")
    attachments: list[Name] = Field(default=[], description="templates of paths inside attachments_dir")
    attachments_dir: Name = Field(
        default=".",
        description="nothing outside it is ever attached, nor the configuration, a file of secrets, the "
        "ledger or the template inside it",
    )
    reference: Line = Field(
        default="[rif. {ref}]",
        description="appended to the subject; every receipt repeats it, and settles doubts",
    )


class SendingSettings(Section):
    """How a run proceeds."""

    concurrency: Count = Field(default=16, description="requests in flight at most")
    timezone: Timezone = Field(default="Europe/Rome", description="for windows, days and calendar caps")
    window: DailyWindow | None = Field(default=None, description="send only inside this stretch of the day")
    days: Days | None = Field(default=None, description="send only on these days")
    skip_holidays: bool = Field(
        default=False, description="not on Italian public holidays; with window or days"
    )
    on_in_doubt: Literal["reconcile", "hold", "resend"] = Field(
        default="reconcile",
        description="reconcile by evidence, hold for the operator, or resend (may send twice)",
    )
    accept_duplicates: bool = Field(
        default=False, description='the consent that on_in_doubt = "resend" needs'
    )
    settle_after: Duration = Field(
        default="30m",
        validate_default=True,
        description="from an attempt's close until its absence may be accepted",
    )
    drain_timeout: Duration = Field(
        default="6s", validate_default=True, description="for requests in flight when asked to stop"
    )
    lease: PositiveDuration = Field(
        default="15s", validate_default=True, description="a worker's, on Postgres; its heartbeat is a third"
    )
    canary: CountOrNone = Field(default=0, description="send so many first and await their receipts")
    canary_wait: PositiveDuration = Field(
        default="2h", validate_default=True, description="for the canary's receipts"
    )
    canary_min_delivered: Share = Field(default=0.9, description="share of the canary that must be delivered")
    max_failure_share: Share = Field(
        default=0.2, description="failures among the last 200 outcomes, judged from 50, that stop a run"
    )


class BudgetSettings(Section):
    """What a run may cost."""

    price_per_message: Euros = Field(default=0.05, description="EUR")
    max_cost: Euros | None = Field(default=None, description="EUR for one run, over all its nights")


class ReceiptsSettings(Section):
    """How receipts are read and kept."""

    archive: Name | None = Field(
        default=None, description="a directory for every receipt's text, with its hash"
    )
    delete_after_archive: bool = Field(default=False, description="delete archived receipts from the mailbox")
    signed_originals_kept_elsewhere: bool = Field(
        default=False,
        description="the consent that delete_after_archive needs: the API has no signed originals",
    )
    overdue_after: PositiveDuration = Field(
        default="26h", validate_default=True, description="from acceptance without a delivery"
    )
    mailbox_full_at: Share = Field(
        default=0.9, description="share of the mailbox's quota at which sending stops"
    )
    harvest_every: PositiveDuration = Field(
        default="15m", validate_default=True, description="the inbox is read so often while `run` sends"
    )
    max_per_second: Positive = Field(
        default=5.0, description="GET calls a second; paid look-ups keep to it too"
    )


class ObserveSettings(Section):
    """How a run is watched."""

    log_format: Literal["auto", "text", "json"] = Field(default="auto", description="auto, text or json")
    metrics_file: Name | None = Field(default=None, description="a Prometheus textfile")
    healthcheck_url: PingUrl = Field(
        default="", validate_default=True, description="/start, /fail and /<exit code> are appended"
    )
    notify: list[SecretStr] = Field(default=[], description="apprise URLs, told at the end of a run")
    report: Name | None = Field(default=None, description="written by run, refreshed while it runs")


class Settings(Section):
    """The whole configuration: one attribute a section, `mailboxes` a list of sections."""

    ledger: LedgerSettings = LedgerSettings()
    api: ApiSettings = ApiSettings()
    mailboxes: list[MailboxSettings] = []
    recipients: RecipientsSettings = RecipientsSettings()
    message: MessageSettings = MessageSettings()
    sending: SendingSettings = SendingSettings()
    budget: BudgetSettings = BudgetSettings()
    receipts: ReceiptsSettings = ReceiptsSettings()
    observe: ObserveSettings = ObserveSettings()
