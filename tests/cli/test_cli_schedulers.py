"""The schedulers' samples at work: the scripts run for real, with the real command, against the sandbox."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import TIMEOUT, Answer, Running, Shell, good, seen

SAMPLES = Path(__file__).parents[2] / "samples"
NIGHT = SAMPLES / "cron" / "night.sh"
WORDS = ("avvisi.csv", "notte")

SCRIPTED = """#!/bin/sh
echo started >> starts
printf '{\\n  "closing": "$3",\\n  "exit": {\\n    "code": %s,\\n    "reason": "%s"\\n  }\\n}\\n' $1 $2
exit $1
"""
"""In the command's place, where only the script's handling of a code is looked at."""


def program(folder: Path, text: str, name: str = "bulk-pec") -> Path:
    """A program in a folder of its own."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """The real command under its installed name."""
    return program(tmp_path / "bin", f'#!/bin/sh\nexec {sys.executable} -m bulk_pec "$@"\n')


def night(home: Path, command: Path, **environ: str) -> Answer:
    """One start as cron makes it: almost no environment, the script by its path."""
    given = {"PATH": os.environ["PATH"], "MAILING_HOME": str(home), "MAILING_PROGRAM": str(command)}
    done = subprocess.run(
        [str(NIGHT), *WORDS],
        env={**given, "MAILING_WAIT": "0", **environ},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def scripted(tmp_path: Path, code: int, reason: str, closing: str = "") -> Answer:
    """A start of the script with a command that ends so."""
    text = SCRIPTED.replace("$1", str(code)).replace("$2", reason).replace("$3", closing)
    command = program(tmp_path / "bin", text)
    return night(tmp_path, command)


def test_cron_is_silent_about_a_night_that_needs_nobody(shell: Shell, provider: str, ours: Path) -> None:
    """A whole run and the start after it print nothing, so nothing is mailed; the log tells of both."""
    shell.write_list("avvisi.csv", good(3))
    for _ in range(2):
        answer = night(shell.home, ours, **shell.environ)
        assert (answer.code, answer.stdout, answer.stderr) == (0, "", "")
    log = (shell.home / "notte.log").read_text(encoding="utf-8")
    assert log.count("ended with 0 complete") == 2
    assert (seen(provider)["posts"], seen(provider)["taken_twice"]) == (3, [])
    assert (shell.home / "notte.log").stat().st_mode & 0o077 == 0


def test_cron_tells_a_person_once(shell: Shell, ours: Path) -> None:
    """A rejected message is told in the first mail, with what to type; the same again is not."""
    shell.write_list("avvisi.csv", [*good(2), "rifiutata.1@ditta.example"])
    first = night(shell.home, ours, **shell.environ)
    assert (first.code, first.stderr) == (3, "")
    assert "ended with 3 (attention)" in first.stdout
    assert "export notte" in first.stdout
    assert "1 rejected" in first.stdout
    second = night(shell.home, ours, **shell.environ)
    assert (second.code, second.stdout) == (3, "")


def test_cron_tells_of_a_missing_secret_without_the_environment(shell: Shell, ours: Path) -> None:
    """Cron's environment has no secret: 78, and the log names the setting."""
    shell.write_list("avvisi.csv", good(1))
    answer = night(shell.home, ours)
    assert answer.code == 78
    assert "ended with 78 (config)" in answer.stdout
    assert "BULK_PEC_TOKEN" in (shell.home / "notte.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "reason", "starts", "told"),
    [
        (75, "window", 1, False),
        (75, "busy", 1, False),
        (75, "mailbox_full", 1, True),
        (75, "budget", 1, True),
        (69, "unavailable", 3, True),
        (3, "cancelled", 1, True),
        (3, "canary", 1, True),
        (74, "io", 1, True),
        (77, "credentials", 1, True),
        (1, "bug", 1, True),
        (127, "", 1, True),
    ],
)
def test_cron_knows_what_goes_on_by_itself(
    tmp_path: Path, code: int, reason: str, starts: int, told: bool
) -> None:
    """Each code is passed on; 75 is silent but where only a person makes room; 69 is tried three times."""
    answer = scripted(tmp_path, code, reason)
    assert answer.code == code
    assert (tmp_path / "starts").read_text(encoding="utf-8").count("started") == starts
    assert bool(answer.stdout) is told
    assert answer.stderr == ""


def test_cron_tells_again_what_had_gone(tmp_path: Path) -> None:
    """The same reason after a good start is news, another at once; a start that finds one at work is none."""
    ends = [(77, "credit"), (75, "busy"), (77, "credit"), (75, "window"), (77, "credit"), (74, "io")]
    said = [bool(scripted(tmp_path, code, reason).stdout) for code, reason in ends]
    assert said == [True, False, False, False, True, True]
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["notte.json"]


def test_cron_tells_of_doubts_beside_what_it_told(tmp_path: Path) -> None:
    """The command's own sentence is mailed, and doubts are news though code and reason are the same."""
    rejected = "Needs a person (exit 3): 1 rejected. `bulk-pec export notte`"
    doubtful = "Needs a person (exit 3): 1 rejected, 1 in doubt. `bulk-pec settle notte` lists the doubts"
    assert rejected in scripted(tmp_path, 3, "attention", rejected).stdout
    assert doubtful in scripted(tmp_path, 3, "attention", doubtful).stdout
    assert scripted(tmp_path, 3, "attention", doubtful).stdout == ""


def sending_step() -> str:
    """The script of the workflow's last step."""
    text = (SAMPLES / "github-actions" / "mailing.yml").read_text(encoding="utf-8")
    *_, step = text.split("      - name: Send\n        run: |\n")
    return "".join(line.removeprefix(" " * 10) for line in step.splitlines(keepends=True))


@contextmanager
def job(shell: Shell, ours: Path) -> Iterator[Running]:
    """The workflow's sending step, run as a runner runs it: ``bash -e``, its own process group."""
    summary = shell.home.parent / "summary"
    given = {"GITHUB_STEP_SUMMARY": str(summary), "RUN": "notte", "LIST": "avvisi.csv"}
    path = f"{ours.parent}{os.pathsep}{os.environ['PATH']}"
    out, err = shell.home.parent / "step.out", shell.home.parent / "step.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-e", "-c", sending_step()],
            env=shell.environment() | given | {"PATH": path},
            cwd=shell.home,
            stdout=stdout,
            stderr=stderr,
        )
    running = Running(process, out, err)
    try:
        yield running
    finally:
        process.kill()


def test_a_workflow_that_is_cancelled_drains(shell: Shell, provider: str, ours: Path) -> None:
    """The runner's SIGINT reaches the command: what is in flight ends, nothing is lost, no failure."""
    shell.edit("max_per_second = 500.0", "max_per_second = 10.0")
    shell.write_list("avvisi.csv", good(40))
    with job(shell, ours) as running:
        running.wait_until(lambda: seen(provider)["posts"] >= 3)
        running.process.send_signal(signal.SIGINT)
        answer = running.ended()
    assert answer.code == 0, answer
    assert "::notice::Stopped early (signal)" in answer.stdout
    counted = shell.call("status", "notte", "--json").document["messages"]
    assert (counted["sending"], counted["in_doubt"]) == (0, 0)
    assert counted["sent"] == seen(provider)["taken"]


def test_a_workflow_fails_where_a_person_is_needed(shell: Shell, ours: Path) -> None:
    """3 makes the job red, with a sentence; the summary holds code and reason."""
    shell.write_list("avvisi.csv", [*good(1), "rifiutata.1@ditta.example"])
    with job(shell, ours) as running:
        answer = running.ended()
    assert answer.code == 3
    assert re.search(
        r"^::error::Only a person can go on.*1 rejected.*export notte", answer.stdout, re.MULTILINE
    )
    assert (shell.home.parent / "summary").read_text(encoding="utf-8") == "ended with 3 (attention)\n"
