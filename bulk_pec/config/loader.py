"""Reading the configuration: layers merged, everything checked, one `Config` for the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from bulk_pec.config import ledger_url
from bulk_pec.config.catalogue import MAILBOXES, catalogue
from bulk_pec.config.credentials import SecretFile, SecretSource, SecretVariable, world_readable
from bulk_pec.config.models import MailboxSettings, MessageSettings, Settings
from bulk_pec.config.not_yet import not_yet
from bulk_pec.config.problems import Problem, from_pydantic, refusal
from bulk_pec.config.rules import cross_checks
from bulk_pec.config.sources import (
    CONFIG_VARIABLE,
    Layer,
    Origin,
    Rank,
    Tree,
    environment_layer,
    file_layer,
    flag_layer,
    merge,
    unknown_variables,
)
from bulk_pec.config.values import LOOPBACK, at_home
from bulk_pec.domain.errors import ConfigError
from bulk_pec.domain.letters import Mailbox, Secret


@dataclass(frozen=True)
class Config:
    """The settings of one command, and how to reach the secrets they name.

    Attributes:
        settings: Typed sections: ``config.settings.sending.concurrency``.
        path: The file, absolute.
        warnings: Sentences for the operator: nothing is wrong, something is unwise.
    """

    settings: Settings
    path: Path
    warnings: list[str]
    _origins: Mapping[str, Origin] = field(repr=False)
    _environ: Mapping[str, str] = field(repr=False)

    @property
    def base_dir(self) -> Path:
        """The directory of the file: what relative paths are relative to."""
        return self.path.parent

    def resolve(self, path: str | Path) -> Path:
        """A path of the configuration, absolute; ``~`` is the user's home."""
        return self.base_dir / at_home(path)

    def origin(self, key: str) -> str:
        """Where a value came from: "file …", "environment BULK_PEC_…", "flag" or "default".

        Args:
            key: ``section.key``, ``mailboxes`` or ``mailboxes.0.key``.

        Raises:
            KeyError: There is no such setting.
        """
        if key in self._origins:
            return self._origins[key].text
        known = ".".join(part for part in key.split(".") if not part.isdigit())
        if known not in catalogue() and known != MAILBOXES:
            raise KeyError(key)
        return "default"

    def token(self) -> Secret:
        """The API token.

        Raises:
            ConfigError: Its variable or file is missing or empty; it is named.
        """
        return _token_source(self).read(self._environ)

    def mailbox_list(self) -> list[Mailbox]:
        """The mailboxes with their credentials; at least one.

        Raises:
            ConfigError: There is no mailbox, or variables or files are missing; all of them are named.
        """
        if not self.settings.mailboxes:
            problem = Problem(MAILBOXES, "is missing: name at least one mailbox under [[mailboxes]]")
            raise refusal(str(self.path), [problem], {})
        problems: list[ConfigError] = []
        found: list[Mailbox] = []
        for index, mailbox in enumerate(self.settings.mailboxes):
            try:
                found.append(self._mailbox(index, mailbox))
            except ConfigError as error:
                problems.append(error)
        if problems:
            hints = dict.fromkeys(problem.hint for problem in problems)
            raise ConfigError("\n".join(problem.what for problem in problems), hint=" ".join(hints))
        return found

    def mailbox(self, index: int) -> Mailbox:
        """The mailbox of that place in the settings, with its credentials.

        Raises:
            ConfigError: A variable or file of its own is missing; it is named.
        """
        return self._mailbox(index, self.settings.mailboxes[index])

    def sendable(self) -> None:
        """Check what sending needs: the token and the mailboxes' credentials.

        Raises:
            ConfigError: A secret is missing; it is named.
        """
        self.token()
        self.mailbox_list()

    def _mailbox(self, index: int, mailbox: MailboxSettings) -> Mailbox:
        username_source, password_source = _mailbox_sources(self, index, mailbox)
        plain = mailbox.username.get_secret_value() if mailbox.username else mailbox.address
        username = username_source.read(self._environ) if username_source else Secret(plain)
        return Mailbox(mailbox.address, username, password_source.read(self._environ))

    def message(self) -> MessageSettings:
        """The message's settings, for commands that compose: with a subject and exactly one body.

        Raises:
            ConfigError: The file says nothing of a message.
        """
        if not self.settings.message.subject:
            problem = Problem("message", "is missing: set message.subject, and body_file or body")
            raise refusal(str(self.path), [problem], {})
        return self.settings.message

    def ledger_url(self) -> str:
        """The ledger's URL, absolute; it may hold a password, so it is never printed or logged.

        Raises:
            ConfigError: The path to the file holds a character that a URL cannot.
        """
        return ledger_url.absolute(self.settings.ledger.url.get_secret_value(), self.base_dir)

    def private_files(self) -> list[Path]:
        """Every file that must never leave with a letter: this one, secrets, the ledger's, the template."""
        sources: list[SecretSource | None] = [_token_source(self)]
        for index, mailbox in enumerate(self.settings.mailboxes):
            sources += _mailbox_sources(self, index, mailbox)
        body = self.settings.message.body_file
        return [
            self.path,
            *(source.path for source in sources if isinstance(source, SecretFile)),
            *ledger_url.files(self.ledger_url()),
            *([self.resolve(body)] if body else []),
        ]

    def ledger_url_shown(self) -> str:
        """The ledger's URL for people: absolute, a password in it masked."""
        return ledger_url.masked(self.ledger_url())


def load(
    path: Path | None, *, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Config:
    """Read and check the configuration: flags over environment over file over defaults.

    Args:
        path: The file; None for ``BULK_PEC_CONFIG``, else ``config.toml`` in the current directory.
        environ: The environment: settings and secrets.
        overrides: Flags by ``section.key``; None means not given.

    Raises:
        ConfigError: The file is missing or no TOML, or settings are wrong: all of them are listed.
    """
    chosen = at_home(path or environ.get(CONFIG_VARIABLE) or "config.toml").absolute()
    layer = merge([file_layer(chosen), environment_layer(environ), flag_layer(overrides or {})])
    problems = layer.problems + unknown_variables(environ, _secret_names(layer.tree))
    settings, found = _validated(layer.tree)
    problems += found
    wrong = {_setting(problem.key) for problem in problems}
    problems += cross_checks(settings, layer.origins, wrong)
    wrong = {_setting(problem.key) for problem in problems}
    problems += [problem for problem in not_yet(settings) if problem.key not in wrong]
    if problems:
        raise refusal(str(chosen), problems, _texts(layer.origins))
    config = Config(settings, chosen, [], layer.origins, dict(environ))
    config.warnings.extend(_warnings(config, layer))
    return config


def _texts(origins: Mapping[str, Origin]) -> dict[str, str]:
    return {key: origin.text for key, origin in origins.items()}


def _setting(key: str) -> str:
    """What a rule calls the setting of a problem: ``section.key``, or the bare section of a list."""
    section, _, rest = key.partition(".")
    return section if section == MAILBOXES else ".".join(filter(None, [section, rest.partition(".")[0]]))


def _secret_names(tree: Tree) -> set[str]:
    """The variables that ``*_env`` settings name, read before anything is validated."""
    api, mailboxes = tree.get("api"), tree.get(MAILBOXES)
    tables = [api, *(mailboxes if isinstance(mailboxes, list) else [])]
    names = [
        value
        for table in tables
        if isinstance(table, dict)
        for key, value in table.items()
        if str(key).endswith("_env")
    ]
    return {name for name in names if isinstance(name, str)}


def _validated(tree: Tree) -> tuple[Settings, list[Problem]]:
    """The settings, and what was wrong; wrong ones hold their default, so that the rest can be checked."""
    problems: list[Problem] = []
    while True:
        try:
            return Settings.model_validate(tree), problems
        except ValidationError as error:
            entries = error.errors(include_url=False)
        for entry in entries:
            problems.append(from_pydantic(entry))
            _drop(tree, entry["loc"])


def _drop(tree: Tree, loc: tuple[int | str, ...]) -> None:
    section = tree.get(str(loc[0]))
    if len(loc) == 1 or not isinstance(section, dict):
        tree.pop(str(loc[0]), None)
    else:
        section.pop(loc[1], None)


def _token_source(config: Config) -> SecretSource:
    """The file if one is named in a layer at least as strong as the variable's, else the variable."""
    api, nothing = config.settings.api, Origin(Rank.DEFAULT, "default")
    env_rank = config._origins.get("api.token_env", nothing).rank  # noqa: SLF001 - Config's own module
    file_rank = config._origins.get("api.token_file", nothing).rank  # noqa: SLF001 - Config's own module
    if api.token_file is not None and file_rank >= env_rank:
        return SecretFile("api.token_file", config.resolve(api.token_file))
    return SecretVariable("api.token_env", api.token_env)


def _mailbox_sources(
    config: Config, index: int, mailbox: MailboxSettings
) -> tuple[SecretSource | None, SecretSource]:
    """Where the user name (None: in the settings) and the password are."""
    key = f"{MAILBOXES}.{index}"
    username: SecretSource | None = None
    if mailbox.username_env is not None:
        username = SecretVariable(f"{key}.username_env", mailbox.username_env)
    elif mailbox.username_file is not None:
        username = SecretFile(f"{key}.username_file", config.resolve(mailbox.username_file))
    if mailbox.password_file is not None:
        return username, SecretFile(f"{key}.password_file", config.resolve(mailbox.password_file))
    return username, SecretVariable(f"{key}.password_env", mailbox.password_env)


def _warnings(config: Config, layer: Layer) -> list[str]:
    sources: list[SecretSource | None] = [_token_source(config)]
    for index, mailbox in enumerate(config.settings.mailboxes):
        sources += _mailbox_sources(config, index, mailbox)
    told = [line for source in sources if isinstance(source, SecretFile) for line in source.warnings()]
    for name in ("base_url", "registry_url", "company_url"):
        parts = urlsplit(getattr(config.settings.api, name))
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            told.append(f"api.{name} is plain http: credentials travel unencrypted to {parts.hostname}.")
    from_file = layer.origins.get("ledger.url", Origin(Rank.DEFAULT, "default")).rank is Rank.FILE
    if from_file and config.ledger_url_shown() != config.ledger_url():
        readable = world_readable(config.path)
        told += [f"ledger.url holds a password: {readable}"] if readable else []
    return told
