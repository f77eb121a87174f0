#!/bin/sh
# geobot: brings everything up, tries it, tests it, takes it down. `sh init.sh help` lists the words.
# shellcheck disable=SC2317 # the words and the exit trap are called by name, which shellcheck does not see
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"

# shellcheck source=infra/native/terminal.sh
. infra/native/terminal.sh
# shellcheck source=infra/native/processes.sh
. infra/native/processes.sh
# shellcheck source=infra/native/ports.sh
. infra/native/ports.sh
# shellcheck source=infra/native/settings.sh
. infra/native/settings.sh
# shellcheck source=infra/native/packages.sh
. infra/native/packages.sh
# shellcheck source=infra/native/kafka.sh
. infra/native/kafka.sh
# shellcheck source=infra/native/redis.sh
. infra/native/redis.sh
# shellcheck source=infra/native/postgres.sh
. infra/native/postgres.sh
# shellcheck source=infra/native/services.sh
. infra/native/services.sh
# shellcheck source=infra/native/up.sh
. infra/native/up.sh
# shellcheck source=infra/native/down.sh
. infra/native/down.sh
# shellcheck source=infra/native/look.sh
. infra/native/look.sh
# shellcheck source=infra/native/throwaway.sh
. infra/native/throwaway.sh

usage() {
    cat <<'EOF'
sh init.sh [word]

  up [--debug]        bring everything up and print the addresses (the default word). What runs already is left
                      alone; what has a newer program or other settings is started anew. --debug: a debug build,
                      which is quicker to make and slower to run (also GEOBOT_PROFILE=debug).
  try                 buy one product as a person would, through the running services and the sandbox
  status              what runs, and whether it is ready; exit code 0 only if everything is
  logs [service]      follow the logs of all, or of: sandbox logger arm lk worker-0 worker-1 bot kafka redis
  down                stop what up has started; the data stay
  test [cargo args]   run every test against a throw-away Kafka, Redis and PostgreSQL
  test-stack FILE     keep such a stack running, with `export` lines for it in FILE, until Ctrl-C
  reset --yes         stop and delete the sandbox's data; with --live, the live data instead
  packages [tests]    only install the Debian packages that are missing
  help                this text

State is kept in data/sandbox or data/live (BOT_TOKEN in .env decides which), Kafka's own files in data/kafka.
GEOBOT_CACHE=DIR keeps the latter in DIR instead.
EOF
}

# Every way out comes through here: what was started and not handed over is taken down again.
taking_down_on_failure=
on_exit() {
    exit_code=$?
    trap '' INT TERM HUP
    trap - EXIT
    end_step_line
    end_running_command
    release_services
    stop_throwaway
    if [ "$exit_code" -ne 0 ] && [ -n "$taking_down_on_failure" ] && [ -n "$started" ]; then
        say "  stopping what this run has started: ${started% }"
        quiet_stop=yes
        # One after the other, newest first.
        for exit_name in $started; do stop_processes TERM "$exit_name"; done
    fi
    exit "$exit_code"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# One up, down or reset at a time.
take_lock() {
    mkdir -p data
    exec 9>data/.lock
    flock -n 9 || fail 'another init.sh is at work here; wait until it has ended'
}

main() {
    word=${1:-up}
    [ $# = 0 ] || shift
    case $word in
    up | try | down | status | logs | test | reset) "word_$word" "$@" ;;
    test-stack) word_test_stack "$@" ;;
    packages) require_packages "$@" ;;
    help | --help | -h) usage ;;
    --*) word_up "$word" "$@" ;;
    *)
        usage >&2
        fail_setting "there is no word \"$word\""
        ;;
    esac
}

# On one line, so that the shell has read all of this file before it begins and never looks at it again.
main "$@"; exit
