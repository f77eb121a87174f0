# shellcheck shell=sh
# The words for what runs: status, logs and try.

word_try() {
    use_running_mode
    [ "$mode" = sandbox ] || fail 'try buys a product and is for the sandbox only; BOT_TOKEN in .env is a real one'
    for try_name in $(service_names); do
        process_is_alive "$try_name" || fail "$try_name is not running: sh init.sh up first"
    done
    profile=$(cat "$run_dir/profile" 2>/dev/null) || fail 'the last up did not finish: sh init.sh up first'
    "$(binary_dir)/geobot-ctl" try "$@"
}

word_status() {
    [ $# = 0 ] || fail_setting 'status takes no options'
    use_running_mode
    status_code=0
    redis_port=6379
    say "geobot, $mode mode"
    printf '  %-10s %-8s %-22s %-10s %-10s %s\n' name pid address state uptime memory
    ! kafka_is_ours || print_status kafka 127.0.0.1:9092
    ! redis_is_ours || print_status redis 127.0.0.1:6379
    for status_name in $(service_names); do print_status "$status_name" "$(service_address "$status_name")"; done
    exit "$status_code"
}

print_status() { # name, address
    if ! process_is_alive "$1"; then
        status_code=1
        printf '  %-10s %-8s %-22s %s\n' "$1" - "$2" 'not running'
        return 0
    fi
    case $1 in
    kafka) if port_is_taken 9092; then status_state=ready; else status_state='not ready'; fi ;;
    redis) if redis_answers; then status_state=ready; else status_state='not ready'; fi ;;
    *) if service_is_ready "$1"; then status_state=ready; else status_state='not ready'; fi ;;
    esac
    [ "$status_state" = ready ] || status_code=1
    status_age=$(($(cut -d. -f1 /proc/uptime) - process_start / $(getconf CLK_TCK)))
    status_memory=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$process_pid/status" 2>/dev/null)
    printf '  %-10s %-8s %-22s %-10s %-10s %s MB\n' "$1" "$process_pid" "$2" "$status_state" \
        "$(printf '%d:%02d:%02d' $((status_age / 3600)) $((status_age / 60 % 60)) $((status_age % 60)))" "$((${status_memory:-0} / 1024))"
}

word_logs() {
    use_running_mode
    if [ $# -gt 0 ]; then
        [ -e "$log_dir/$1.log" ] || fail "no log of \"$1\" in data/$mode/logs"
        exec tail -n 50 -F "$log_dir/$1.log"
    fi
    set -- "$log_dir"/*.log
    [ -e "$1" ] || fail "no logs in data/$mode/logs yet: sh init.sh up first"
    exec tail -n 10 -F "$@"
}
