#!/bin/sh
# One start of the nightly job, for cron: night.sh LIST RUN
#
# It is silent when nothing needs a person. Otherwise it prints a few lines, which cron mails to MAILTO:
# once, and again only when the reason changes or has gone in between. Every start goes to the log.
#
# Starting it too often does no harm: a start resumes the run, one beside a living one ends at once (75 busy),
# and one after the end posts nothing. When it sends is in config.toml ([sending] window), not here.
#
# Read from the environment, all optional (no name may begin with BULK_PEC_ that is not a setting):
#   MAILING_HOME     the folder of config.toml, the list and the template        /srv/mailing
#   MAILING_PROGRAM  the command                                    /opt/bulk-pec/.venv/bin/bulk-pec
#   MAILING_TRIES    starts while the provider cannot be reached (69)            3
#   MAILING_WAIT     seconds between them                                        600
set -u
umask 077 # the log and what lies beside it name people

list=${1:?usage: night.sh LIST RUN}
run=${2:?usage: night.sh LIST RUN}
home=${MAILING_HOME:-/srv/mailing}
program=${MAILING_PROGRAM:-/opt/bulk-pec/.venv/bin/bulk-pec}
log=$home/$run.log
answer=$home/.$run.$$.json # its own: another start may be at work
told=$home/.$run.told

cd "$home" || exit 74

# Start it; $code is how it ended, $reason the one word for why (see docs/operating.md, "Exit codes").
start() {
    echo "--- $(date -u +%Y-%m-%dT%H:%M:%SZ) start" >>"$log"
    "$program" run "$list" --name "$run" --yes --json >"$answer" 2>>"$log"
    code=$?
    reason=$(sed -n 's/^ *"reason": "\([a-z_]*\)".*/\1/p' "$answer" | tail -n 1)
    # What the command says of this end, in one sentence; it names no address.
    said=$(sed -n 's/^ *"closing": "\(.*\)",\{0,1\}$/\1/p' "$answer" | sed 's/\\"/"/g')
    echo "--- $(date -u +%Y-%m-%dT%H:%M:%SZ) ended with $code ${reason:-unknown}" >>"$log"
    mv -f "$answer" "$home/$run.json" # the last one's figures, for whoever wants to look
}

# Print it for the mail, unless the last start has told the same. Doubts are another matter than what is
# merely to be looked at, with the same code and reason.
tell() {
    same="$code $reason"
    case $said in *"bulk-pec settle "*) same="$same settle" ;; esac
    [ "$(cat "$told" 2>/dev/null)" = "$same" ] && return
    echo "bulk-pec, run $run, ended with $code (${reason:-unknown}) on $(hostname)."
    echo "$1"
    echo "Log: $log. Figures: cd $home && $program status $run"
    echo "$same" >"$told"
}

start
tries=${MAILING_TRIES:-3}
while [ "$code" -eq 69 ] && [ "$tries" -gt 1 ]; do # the provider may come back: nothing was lost meanwhile
    tries=$((tries - 1))
    sleep "${MAILING_WAIT:-600}"
    start
done

case $code in
0) rm -f "$told" ;;
75) # stopped early with work left: the next start goes on
    case $reason in
    mailbox_full) tell "The mailbox is nearly full: make room, keeping the signed originals, or nothing more is sent." ;;
    budget) tell "[budget] max_cost is reached: raise it, or cancel the run." ;;
    busy) ;; # another start is at work: it will tell
    *) rm -f "$told" ;;
    esac
    ;;
3) # only a person can go on: export names rows, settle decides doubts and an older copy of the ledger
    case $reason in
    cancelled) tell "${said:-The run is cancelled: nothing more of it is sent.}" ;;
    canary) tell "${said:-Too much of the canary did not arrive: see [sending] canary.}" ;;
    *) tell "${said:-Only a person can go on: bulk-pec status $run says what with.}" ;;
    esac
    ;;
65) tell "The list, the template or an attachment is refused, or is not what was loaded. The log names it." ;;
69) tell "The provider cannot be reached, or refuses too much (breaker). The next start tries again." ;;
74) tell "The ledger or a file failed: disk full, permissions, database down. Mend that first. Do NOT delete the ledger." ;;
77) tell "The token or the password is refused, or there is no credit left. Nothing is sent until that is mended." ;;
78) tell "The configuration or a secret is missing or wrong. The log names the setting." ;;
1) tell "An unexpected error: a bug. The next start goes on; if this comes back, report it with the log." ;;
*) tell "It did not even start: wrong words, or the program is missing (127) or was killed (137). See the log." ;;
esac
exit "$code"
