"""``mailbox``: a mailbox's life with the registry. One file a command; docs/mailbox.md tells it in order.

| file | responsibility |
|---|---|
| check.py | is an address free |
| register.py, form.py, activate.py | a new mailbox: applied for, its form, its documents |
| show.py, list.py | how one stands; all of them |
| wait.py, listen.py | until its state settles; who calls back |
| renew.py, revoke.py | another year; its end |
"""

from __future__ import annotations

import typer

from bulk_pec.cli.commands.mailbox import activate, check, form, listen, renew, revoke, show, wait
from bulk_pec.cli.commands.mailbox.list import register as add_list
from bulk_pec.cli.commands.mailbox.register import register as add_register


def register(app: typer.Typer) -> None:
    """Add the group of commands, in the order of a mailbox's life."""
    group = typer.Typer(
        help="The mailbox and its life, from its registration on.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="mailbox")
    check.register(group)
    add_register(group)
    form.register(group)
    activate.register(group)
    show.register(group)
    add_list(group)
    wait.register(group)
    listen.register(group)
    renew.register(group)
    revoke.register(group)
