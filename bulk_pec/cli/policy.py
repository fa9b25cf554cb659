"""How the configuration wants doubts settled: for what sends, and for what only tells of them."""

from __future__ import annotations

from bulk_pec.config import Config
from bulk_pec.receipts.settle import Policy, SettleOptions


def settle_options(config: Config) -> SettleOptions:
    """The policy, and when a doubt may be settled by it."""
    sending = config.settings.sending
    return SettleOptions(
        policy=Policy(sending.on_in_doubt),
        settle_after=sending.settle_after,
        mailbox_full_at=config.settings.receipts.mailbox_full_at,
    )
