# shellcheck shell=sh
# What init.sh says: lines, failures, and long steps with what they do and for how long.

say() { printf '%s\n' "$*"; }

# One clear line that says what to do; the exit trap takes down what this run has started.
fail() {
    end_step_line
    printf 'init.sh: %s\n' "$*" >&2
    exit 1
}

# The same for a wrong or missing setting.
fail_setting() {
    printf 'init.sh: %s\n' "$*" >&2
    exit 2
}

seconds() { date +%s; }

step_line=
step_command=

begin_step() { # title
    step_title=$1
    step_began=$(seconds)
    step_next_line=2
    [ -t 1 ] || return 0
    step_line=open
    printf '  … %s' "$step_title"
}

# Called about once a second while a step goes on. A terminal sees one line that changes; a file gets a line after
# 2 s and then one every 20 s.
tick_step() { # [what it does right now]
    step_age=$(($(seconds) - step_began))
    if [ -t 1 ]; then
        printf '\r\033[K  … %s  %s s  %.60s' "$step_title" "$step_age" "${1-}"
    elif [ "$step_age" -ge "$step_next_line" ]; then
        step_next_line=$((step_age + 20))
        say "  … $step_title, $step_age s so far${1:+: $1}"
    fi
}

end_step_line() {
    [ -z "$step_line" ] || printf '\r\033[K'
    step_line=
}

end_step() {
    end_step_line
    say "  ✓ $step_title ($(($(seconds) - step_began)) s)"
}

# Runs a command in a process group of its own, so that Ctrl-C reaches this shell only, which ends the group.
# Its output goes to a file; the last line of it is shown as it goes on.
run_step() { # title, log file, command …
    begin_step "$1"
    step_log=$2
    shift 2
    setsid "$@" >"$step_log" 2>&1 </dev/null 8>&- 9>&- &
    step_command=$!
    while process_is_running "$step_command"; do
        sleep 0.5
        tick_step "$(tail -n 1 "$step_log" | tr -d '\r\033' | sed 's/^ *//')"
    done
    if wait "$step_command"; then
        step_command=
        end_step
    else
        step_command=
        end_step_line
        tail -n 30 "$step_log" >&2
        fail "$step_title failed; the whole output is in $step_log"
    fi
}

# Ends what run_step or run_in_front has started and not yet waited for.
end_running_command() {
    [ -n "$step_command" ] || return 0
    kill -s TERM -- "-$step_command" 2>/dev/null || return 0
    wait_for_end "$step_command" 50 || kill -s KILL -- "-$step_command" 2>/dev/null || :
    step_command=
}

# Runs a command with its output shown as it is, and gives its exit code. Signals end it at once.
run_in_front() { # command …
    setsid "$@" </dev/null 8>&- 9>&- &
    step_command=$!
    front_code=0
    wait "$step_command" || front_code=$?
    step_command=
    return "$front_code"
}
