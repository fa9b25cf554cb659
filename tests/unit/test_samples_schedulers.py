"""The schedulers' samples: what they name exists, what they forbid is forbidden, and the files parse."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.test_documents import _wrong

from bulk_pec.cli.session import as_json
from bulk_pec.config import parse_duration
from bulk_pec.config.models import Settings
from bulk_pec.domain.exits import Exit, ExitCode, Reason

SAMPLES = Path(__file__).parents[2] / "samples"
UNITS = ("bulk-pec.service", "bulk-pec.timer", "bulk-pec-alert.service")
PROGRAM = "/opt/bulk-pec/.venv/bin/bulk-pec"
CRON, SYSTEMD, ACTIONS = (SAMPLES / name for name in ("cron", "systemd", "github-actions"))
_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def directives(unit: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of every line of a unit; a key may come several times."""
    section = ""
    for line in (SYSTEMD / unit).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            yield section, key, value


def values(unit: str, key: str) -> list[str]:
    """The values of one key of a unit."""
    return [value for _, name, value in directives(unit) if name == key]


def service(key: str) -> str:
    """The one value of a key of the mailing's service."""
    (value,) = values("bulk-pec.service", key)
    return value


def commands(text: str, program: str) -> list[list[str]]:
    """The words of every call of the program in a script, up to what the shell keeps for itself."""
    calls = re.findall(rf"(?:^|[;&|]) *{re.escape(program)} ([^\n;&|]+)", text, re.MULTILINE)
    return [shlex.split(re.sub(r" \d?>.*", "", call)) for call in calls]


def starts(crontab: str) -> list[list[str]]:
    """The five fields and the command of every line that starts something."""
    lines = [line.strip() for line in crontab.splitlines()]
    return [line.split(None, 5) for line in lines if line and line[0] in "0123456789*"]


def hours(field: str, bounds: tuple[int, int]) -> set[int]:
    """What a field of a crontab stands for."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = bounds if span == "*" else (int(low), int(high or low))
        assert bounds[0] <= first <= last <= bounds[1], field
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def test_the_services_command_is_one_of_ours() -> None:
    """Command and options of ExecStart exist, and the run is resumed without a question."""
    shell, option, script = shlex.split(service("ExecStart"))
    assert (shell, option) == ("/bin/sh", "-c")
    start, program, *words = shlex.split(script.replace("$$", "$").partition(" >")[0])
    assert (start, program) == ("exec", PROGRAM), "signals must reach the command"
    assert _wrong(words) is None
    assert words[0] == "run"
    assert {"--yes", "--json"} <= set(words)


def test_only_what_goes_on_by_itself_is_a_success() -> None:
    """75 is no failure, 69 is started again, and everything else that is not 0 tells a person."""
    assert {int(code) for code in service("SuccessExitStatus").split()} == {ExitCode.RETRY}
    assert {int(code) for code in service("RestartForceExitStatus").split()} == {ExitCode.UNAVAILABLE}
    assert service("Restart") == "no"
    assert values("bulk-pec.service", "OnFailure") == ["bulk-pec-alert.service"]


@pytest.mark.parametrize(
    ("reason", "alerts"),
    [("mailbox_full", True), ("budget", True), ("window", False), ("cap", False), ("complete", False)],
)
def test_what_time_does_not_mend_is_a_failure(tmp_path: Path, reason: str, alerts: bool) -> None:
    """What comes after the start fails on 75 with one of the two, and with it the service; it says why."""
    answer = as_json({"closing": f'Exit ({reason}): do "this".'}, Exit.of(Reason(reason)))
    (tmp_path / "giugno 1.json").write_text(answer, encoding="utf-8")
    done = _after(tmp_path)
    assert (done.returncode != 0, f"Exit ({reason})" in done.stdout) == (alerts, True)


def test_a_start_without_an_answer_fails_by_its_own_code(tmp_path: Path) -> None:
    """Killed before it could answer: what comes after adds nothing."""
    (tmp_path / "giugno 1.json").touch()
    assert _after(tmp_path).returncode == 0


def _after(folder: Path) -> subprocess.CompletedProcess[str]:
    """The service's ExecStopPost, as systemd starts it in its folder."""
    command = service("ExecStopPost")
    assert "\\" not in command, "systemd would take a backslash for its own"
    words = [word.replace("$$", "$") for word in shlex.split(command)]
    return subprocess.run(
        words,
        cwd=folder,
        env={"RUN": "giugno 1", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stop_has_time_to_drain() -> None:
    """SIGTERM once, to the command alone, and more time than `drain_timeout` by default."""
    assert (service("KillSignal"), service("KillMode"), service("SendSIGHUP")) == ("SIGTERM", "mixed", "no")
    assert parse_duration(service("TimeoutStopSec")) > 2 * Settings().sending.drain_timeout


def test_credentials_are_files_that_the_configuration_can_name() -> None:
    """Each credential is loaded, and the comment names the path at which the service finds it."""
    text = (SYSTEMD / "bulk-pec.service").read_text(encoding="utf-8")
    loaded = {value.split(":")[0] for value in values("bulk-pec.service", "LoadCredential")}
    assert loaded == {"token", "password"}
    for key, name in (("token_file", "token"), ("password_file", "password")):
        assert re.search(rf'{key} += "/run/credentials/bulk-pec\.service/{name}"', text)
    assert not re.search(r"Environment=.*(TOKEN|PASSWORD)", text)


def test_the_services_variables_are_set() -> None:
    """What ExecStart needs is in the environment file, and what begins with BULK_PEC_ is a setting."""
    given = dict(line.split("=", 1) for line in _lines(SYSTEMD / "mailing.env"))
    for key in ("ExecStart", "ExecStopPost"):
        assert set(re.findall(r"\$\$(\w+)", service(key))) <= given.keys()
        assert not re.search(r"(?<!\$)\$(?!\$)", service(key)), "the shell expands, and keeps words whole"
    ours = [value.partition("=")[0] for value in values("bulk-pec.service", "Environment")]
    assert ours == ["BULK_PEC_CONFIG"]


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_key_is_in_its_section() -> None:
    """No key stands before a section, and each section is one that its kind of unit has."""
    for unit in UNITS:
        kind = "Timer" if unit.endswith("timer") else "Service"
        sections = {section for section, _, _ in directives(unit)}
        assert sections <= {"Unit", kind, "Install"}
        assert {"Unit", kind} <= sections


def test_the_timer_starts_the_service_and_avoids_the_lost_hour() -> None:
    """It names the service, catches up after an outage, and never starts between two and three."""
    assert values("bulk-pec.timer", "Unit") == ["bulk-pec.service"]
    assert values("bulk-pec.timer", "Persistent") == ["true"]
    times = [
        re.fullmatch(r"\*-\*-\* (\d\d):\d\d:00 Europe/Rome", at)
        for at in values("bulk-pec.timer", "OnCalendar")
    ]
    assert all(times)
    assert "02" not in {match[1] for match in times if match}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, but for a key that does not exist."""
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text(encoding="utf-8").replace(PROGRAM, sys.executable)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    assert _verified(tmp_path) == ""
    with (tmp_path / UNITS[0]).open("a", encoding="utf-8") as file:
        file.write("SuccesExitStatus=3\n")
    assert "SuccesExitStatus" in _verified(tmp_path)


def _verified(folder: Path) -> str:
    """What systemd says of the units in a folder."""
    command = ["systemd-analyze", "verify", "--man=no", *(str(folder / unit) for unit in UNITS)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return "".join(line for line in said.stderr.splitlines(keepends=True) if str(folder) in line)


def test_crontab_lines_parse_and_avoid_the_lost_hour() -> None:
    """Five fields within their bounds, the script with its two words, and no start between two and three."""
    lines = starts((CRON / "crontab").read_text(encoding="utf-8"))
    assert len(lines) == 2
    for *fields, command in lines:
        sets = [hours(field, bounds) for field, bounds in zip(fields, _FIELDS, strict=True)]
        assert 2 not in sets[1]
        script, listed, run = shlex.split(command)
        assert Path(script).name == "night.sh"
        assert (Path(listed).suffix, run) == (".csv", "avvisi-2026-11")
        assert "%" not in command  # cron would take it for a line's end


def test_the_scripts_calls_are_ours() -> None:
    """Every call of the program in the script and in the workflow is a command with options it takes."""
    script = (CRON / "night.sh").read_text(encoding="utf-8")
    workflow = (ACTIONS / "mailing.yml").read_text(encoding="utf-8")
    calls = commands(script, '"$program"') + commands(workflow, "bulk-pec")
    assert [words[0] for words in calls] == ["run", "run"]
    assert [wrong for words in calls if (wrong := _wrong(words))] == []


def test_the_script_tells_every_code() -> None:
    """No exit code of the program is left to the last branch, and the shells agree on the syntax."""
    path = CRON / "night.sh"
    told = re.findall(r"^(\d+)\) ", path.read_text(encoding="utf-8"), re.MULTILINE)
    # 2 means that it was called wrongly: the last branch's sentence is the right one.
    assert {int(code) for code in told} == set(ExitCode) - {ExitCode.USAGE}
    assert path.stat().st_mode & 0o111
    for shell in filter(shutil.which, ("sh", "dash", "bash")):
        subprocess.run([shell, "-n", str(path)], check=True)


def test_the_workflow_never_keeps_a_ledger_in_github() -> None:
    """No cache, no artifact; one start at a time, never cut off by the next; secrets only by name."""
    text = "\n".join(_lines(ACTIONS / "mailing.yml"))
    used = re.findall(r"uses: ([\w/-]+)@v\d+", text)
    assert set(used) == {"actions/checkout", "actions/setup-python"}
    assert "  cancel-in-progress: false" in text
    assert re.search(r"^concurrency:\n  group: \S+$", text, re.MULTILINE)
    assert re.search(r"^    - cron: \"\d+ \d+ \* \* \*\"$", text, re.MULTILINE)
    for name in ("PGPASSWORD", "BULK_PEC_TOKEN", "BULK_PEC_PASSWORD"):
        assert re.search(rf"^      {name}: \${{{{ secrets\.\w+ }}}}$", text, re.MULTILINE)


def test_the_workflows_job_is_longer_than_its_sending() -> None:
    """--max-duration ends it in good order, half an hour before GitHub would cut it off."""
    text = (ACTIONS / "mailing.yml").read_text(encoding="utf-8")
    (limit,) = re.findall(r"^    timeout-minutes: (\d+)$", text, re.MULTILINE)
    (duration,) = re.findall(r"bulk-pec run .*--max-duration (\S+)", text)
    assert parse_duration(duration) + 1800 <= int(limit) * 60 < 6 * 3600


def test_the_workflow_is_indented_by_twos_without_tabs() -> None:
    """As far as text can tell that it is YAML: no tab, even indents, every key of a step known."""
    lines = _lines(ACTIONS / "mailing.yml")
    assert not [line for line in lines if "\t" in line or (len(line) - len(line.lstrip())) % 2]
    keys = {match[1] for line in lines if (match := re.match(r"^      (?:- |  )(\w[\w-]*):", line))}
    assert keys == {"uses", "with", "name", "run"} | {"RUN", "LIST", "PGPASSWORD"} & keys
