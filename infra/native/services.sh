# shellcheck shell=sh
# Our own services: which there are, how they are built, started and asked whether they are ready.
# Needs: here, mode, profile, run_dir, log_dir.

# In the order of their start.
service_names() {
    [ "$mode" != sandbox ] || echo sandbox
    printf '%s\n' logger arm lk worker-0 worker-1 bot
}

service_binary() { # name
    case $1 in
    worker-*) echo "$(binary_dir)/geobot-worker" ;;
    *) echo "$(binary_dir)/geobot-$1" ;;
    esac
}

binary_dir() { echo "${CARGO_TARGET_DIR:-$here/target}/$profile"; }

# The setting that moves the service's port.
service_listen_setting() { # name
    case $1 in
    worker-0) echo WORKER_LISTEN ;;
    worker-1) echo WORKER_1_LISTEN ;;
    *) echo "$1_LISTEN" | tr '[:lower:]' '[:upper:]' ;;
    esac
}

service_listen() { # name → host:port
    case $1 in
    sandbox) listen_port=8081 ;;
    logger) listen_port=8002 ;;
    arm) listen_port=8000 ;;
    lk) listen_port=5500 ;;
    worker-0) listen_port=8011 ;;
    worker-1) listen_port=8012 ;;
    bot) listen_port=8443 ;;
    esac
    setting "$(service_listen_setting "$1")" "127.0.0.1:$listen_port"
}

# Where we reach it: an address that means "every interface" is asked at loopback.
service_address() { # name
    service_listen "$1" | sed 's/^0\.0\.0\.0:/127.0.0.1:/; s/^\[::\]:/127.0.0.1:/'
}

# A service is started anew when its program or .env is not what it was started with.
service_stamp() { # name
    echo "$(stat -c %i.%Y "$(service_binary "$1")").$(cksum <"$here/.env" | tr ' ' '.')"
}

build_services() {
    set -- geobot-ctl geobot-sandbox geobot-logger geobot-arm geobot-lk geobot-worker geobot-bot
    for build_package in "$@"; do
        set -- "$@" -p "$build_package"
        shift
    done
    [ "$profile" = debug ] || set -- --release "$@"
    run_step "building ($profile)" "$log_dir/build.log" cargo build --manifest-path "$here/Cargo.toml" "$@"
}

# Huge pages would take a third more memory at rest than is in use.
MIMALLOC_ALLOW_THP=${MIMALLOC_ALLOW_THP-0}
export MIMALLOC_ALLOW_THP

start_service() { # name
    service_new_stamp=$(service_stamp "$1") || fail "$(service_binary "$1") is missing though the build succeeded"
    ! leave_or_stop "$1" "$service_new_stamp" || return 0
    case $1 in
    sandbox) set -- "$1" env SANDBOX_STATE="$(setting SANDBOX_STATE "$mode_dir/sandbox.json")" ;;
    # Hashing a password takes 19 MB, which goes back at once.
    arm) set -- "$1" env MIMALLOC_PURGE_DELAY="${MIMALLOC_PURGE_DELAY-0}" ;;
    worker-1) set -- "$1" env WORKER_NAME=WORKER_1 WORKER_LISTEN="$(service_listen worker-1)" ;;
    esac
    service_name=$1
    shift
    start_process "$service_name" "$service_new_stamp" "$@" "$(service_binary "$service_name")"
}

service_is_ready() { # name
    curl -fs -o /dev/null -m 2 "http://$(service_address "$1")/health/ready" 2>/dev/null
}

await_service() { # name
    begin_step "$1"
    service_tries=600
    until process_is_alive "$1" && service_is_ready "$1"; do
        if ! process_is_alive "$1"; then
            show_last_lines "$1"
            fail "$1 ended while it was starting; its log is $log_dir/$1.log"
        fi
        if [ "$service_tries" -le 0 ]; then
            show_last_lines "$1"
            curl -s -m 2 "http://$(service_address "$1")/health/ready" >&2 || :
            fail "$1 is not ready after 60 s (http://$(service_address "$1")/health/ready); its log is $log_dir/$1.log"
        fi
        service_tries=$((service_tries - 1))
        [ $((service_tries % 10)) -ne 0 ] || tick_step
        sleep 0.1
    done
    end_step
}

show_last_lines() { # name
    end_step_line
    tail -n 20 "$log_dir/$1.log" 2>/dev/null | sed "s/^/    $1 | /" >&2
}
