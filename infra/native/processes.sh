# shellcheck shell=sh
# Processes that outlive init.sh. Each has a file run/<name>.pid with: pid, its start time and the boot it belongs to
# (a pid that was given to somebody else later is never killed), and a stamp of what it was started from.
# Needs: run_dir, log_dir.

# Names started by this run, newest first: taken down again when the run fails. What ran before and was only started
# anew is not among them: one service that fails must not take the rest of a working shop down.
started=
started_anew=

process_state() { # pid → "state start-time"; fails when there is no such process
    [ -r "/proc/$1/stat" ] || return 1
    # The command's name stands in brackets and may hold anything, so it is cut off first.
    state_fields=$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
    [ -n "$state_fields" ] || return 1
    # shellcheck disable=SC2086 # split into fields on purpose
    set -- $state_fields
    shift 19 2>/dev/null || return 1
    printf '%s %s\n' "${state_fields%% *}" "$1"
}

# A zombie has ended: it only waits for its parent to notice.
process_is_running() { # pid
    running_state=$(process_state "$1") || return 1
    case $running_state in [ZX]*) return 1 ;; esac
}

wait_for_end() { # pid, tenths of a second
    end_tries=$2
    while process_is_running "$1"; do
        [ "$end_tries" -gt 0 ] || return 1
        end_tries=$((end_tries - 1))
        sleep 0.1
    done
}

boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown; }

# Starts a command in a session of its own and records it. The log of the previous run is kept beside the new one.
start_process() { # name, stamp, command …
    start_name=$1
    start_stamp=$2
    shift 2
    start_log=$log_dir/$start_name.log
    [ ! -e "$start_log" ] || mv -f "$start_log" "$start_log.previous"
    setsid "$@" >"$start_log" 2>&1 </dev/null 8>&- 9>&- &
    start_pid=$!
    [ "$started_anew" = "$start_name" ] || started="$start_name $started"
    start_state=$(process_state "$start_pid") || start_state='? gone'
    printf '%s %s %s %s\n' "$start_pid" "${start_state#* }" "$(boot_id)" "$start_stamp" >"$run_dir/$start_name.pid.new"
    mv -f "$run_dir/$start_name.pid.new" "$run_dir/$start_name.pid"
}

# Is the recorded process alive? Sets process_pid, process_start and process_stamp.
process_is_alive() { # name
    process_pid='' process_start='' process_boot='' process_stamp=''
    [ -r "$run_dir/$1.pid" ] || return 1
    read -r process_pid process_start process_boot process_stamp <"$run_dir/$1.pid" || return 1
    case $process_pid in '' | *[!0-9]*) return 1 ;; esac
    [ "$process_boot" = "$(boot_id)" ] || return 1
    alive_state=$(process_state "$process_pid") || return 1
    case $alive_state in [ZX]*) return 1 ;; esac
    [ "${alive_state#* }" = "$process_start" ]
}

# Asks the named processes to end, all at once, and waits 15 s for each; then they are killed, with a line.
stop_processes() { # signal, name …
    stop_signal=$1
    shift
    stop_asked=
    for stop_name in "$@"; do
        if process_is_alive "$stop_name"; then
            stop_asked="$stop_asked $stop_name"
            kill -s "$stop_signal" "$process_pid" 2>/dev/null || :
        else
            rm -f "$run_dir/$stop_name.pid"
        fi
    done
    for stop_name in $stop_asked; do
        if ! process_is_alive "$stop_name" || wait_for_end "$process_pid" 150; then
            [ -n "${quiet_stop-}" ] || say "  ✓ $stop_name stopped"
        else
            say "  ! $stop_name did not end within 15 s and was killed (pid $process_pid)"
            kill -s KILL "$process_pid" 2>/dev/null || :
            wait_for_end "$process_pid" 50 || :
        fi
        rm -f "$run_dir/$stop_name.pid"
    done
}

# True when the process runs and was started from what there is now. One that is out of date is stopped first.
leave_or_stop() { # name, stamp
    process_is_alive "$1" || return 1
    if [ "$process_stamp" = "$2" ]; then
        say "  · $1 runs already"
        return 0
    fi
    say "  · $1 is started anew: its program or its settings have changed"
    quiet_stop=yes
    stop_processes TERM "$1"
    quiet_stop=
    started_anew=$1
    return 1
}
