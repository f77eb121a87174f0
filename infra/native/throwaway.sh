# shellcheck shell=sh
# The words test and test-stack: a Kafka, a Redis and a PostgreSQL of their own, on free ports, in one temporary
# folder; nothing is left behind.

throwaway_dir=

start_throwaway() {
    throwaway_dir=$(mktemp -d /tmp/geobot-test.XXXXXX)
    # The user postgres must reach its folder inside.
    chmod 711 "$throwaway_dir"
    run_dir=$throwaway_dir/run
    log_dir=$throwaway_dir/logs
    mkdir "$run_dir" "$log_dir"
    chmod 700 "$run_dir" "$log_dir"
    take_port_block

    kafka_dir=$throwaway_dir/kafka
    kafka_sasl_port=$first_port
    kafka_internal_port=$((first_port + 1))
    kafka_controller_port=$((first_port + 2))
    kafka_internal_host=127.0.0.1
    redis_dir=$throwaway_dir/redis
    redis_port=$((first_port + 3))
    postgres_dir=$throwaway_dir/postgres
    postgres_port=$((first_port + 4))
    postgres_password=$(random_hex 16)
    throwaway_password=$(random_hex 16)

    begin_step 'starting a throw-away Kafka, Redis and PostgreSQL'
    mkdir -m 700 "$kafka_dir" "$redis_dir"
    format_kafka
    ln -s "$kafka_libs" "$kafka_dir/libs"
    start_kafka
    # Tests empty and refill Redis all the time; only its answers matter.
    start_redis --appendonly no
    start_postgres
    await_redis
    await_postgres
    await_kafka
    grant_kafka_user geobot "$throwaway_password"
    end_step
}

# What a test needs to know, one NAME=value a line.
throwaway_settings() {
    cat <<EOF
GEOBOT_TEST_KAFKA=127.0.0.1:$kafka_internal_port
GEOBOT_TEST_KAFKA_SASL=127.0.0.1:$kafka_sasl_port
GEOBOT_TEST_KAFKA_USER=geobot
GEOBOT_TEST_KAFKA_PASSWORD=$throwaway_password
GEOBOT_TEST_KAFKA_HOME=$kafka_dir
GEOBOT_TEST_REDIS=redis://127.0.0.1:$redis_port/
GEOBOT_TEST_POSTGRES=postgres://geobot:$postgres_password@127.0.0.1:$postgres_port/geobot
EOF
}

stop_throwaway() {
    [ -n "$throwaway_dir" ] || return 0
    quiet_stop=yes
    # To PostgreSQL, INT means: do not wait for clients.
    stop_processes INT postgres
    stop_processes TERM kafka redis
    rm -rf "$throwaway_dir"
    throwaway_dir=
}

# Arguments that choose packages themselves are not widened to the whole workspace.
test_scope() {
    for scope_argument in "$@"; do
        case $scope_argument in
        --) break ;;
        -p* | --package* | --workspace | --all) return ;;
        esac
    done
    echo --workspace
}

word_test() {
    require_packages tests
    require_rust
    fetch_kafka
    run_in_front cargo build --workspace
    start_throwaway
    for test_setting in $(throwaway_settings); do export "${test_setting?}"; done
    # shellcheck disable=SC2046 # one word or none
    run_in_front cargo test $(test_scope "$@") "$@"
}

word_test_stack() {
    [ $# = 1 ] || fail_setting 'test-stack needs the name of a file for its export lines'
    require_packages tests
    fetch_kafka
    start_throwaway
    (
        umask 077
        throwaway_settings | sed 's/^/export /' >"$1.new"
    )
    mv -f "$1.new" "$1"
    say "  ready: . $1 gives a shell its settings; Ctrl-C ends it"
    while sleep 1; do
        for stack_name in kafka redis postgres; do
            process_is_alive "$stack_name" || fail "$stack_name has ended; its log is $log_dir/$stack_name.log"
        done
    done
}
