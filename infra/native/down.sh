# shellcheck shell=sh
# The words down and reset.

# Whom the others still talk to while they end comes last.
word_down() {
    [ $# = 0 ] || fail_setting 'down takes no options'
    take_lock
    down_found=
    for down_mode in sandbox live; do
        use_mode "$down_mode"
        anything_is_alive || { rm -f "$run_dir"/*.pid; continue; }
        down_found=yes
        say "geobot: stopping the $mode mode"
        stop_mode
    done
    [ -n "$down_found" ] || say 'geobot: nothing was running'
}

stop_mode() {
    stop_processes TERM bot worker-1 worker-0 lk arm
    stop_processes TERM logger
    stop_processes TERM sandbox
    stop_processes TERM kafka
    stop_processes TERM redis
}

word_reset() {
    reset_sure='' reset_mode=sandbox
    for reset_option in "$@"; do
        case $reset_option in
        --yes) reset_sure=yes ;;
        --live) reset_mode=live ;;
        *) fail_setting "reset does not know $reset_option (see: sh init.sh help)" ;;
        esac
    done
    [ -n "$reset_sure" ] || fail_setting "reset deletes data/$reset_mode for ever; say so with: sh init.sh reset --yes$([ "$reset_mode" = sandbox ] || echo ' --live')"
    take_lock
    use_mode "$reset_mode"
    stop_mode
    rm -rf "$mode_dir"
    say "geobot: data/$mode is deleted; .env and Kafka's own files are kept"
    [ -z "$(setting DATA_DIR)$(setting FILES_DIR)$(setting LK_DATABASE_URL)$(setting ARM_DATABASE_URL)" ] ||
        say '  ! what .env keeps elsewhere (DATA_DIR, FILES_DIR, LK_DATABASE_URL, ARM_DATABASE_URL) is untouched'
}
