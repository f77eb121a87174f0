# shellcheck shell=sh
# Redis natively. Needs: here, redis_dir, redis_port.

redis_stamp() { printf 'redis-%s\n' "$(cksum <"$here/infra/native/redis.conf" | tr ' ' '.')"; }

start_redis() { # further redis-server options …
    mkdir -p "$redis_dir"
    start_process redis "$(redis_stamp)" redis-server "$here/infra/native/redis.conf" --port "$redis_port" --dir "$redis_dir" "$@"
}

redis_answers() {
    [ "$(redis-cli -h 127.0.0.1 -p "$redis_port" ping 2>/dev/null)" = PONG ]
}

# A long append-only file takes its time to load: the answer is LOADING until then.
await_redis() {
    redis_tries=600
    until redis_answers; do
        if ! process_is_alive redis; then
            tail -n 20 "$log_dir/redis.log" >&2
            fail "Redis ended while it was starting; its log is $log_dir/redis.log"
        fi
        [ "$redis_tries" -gt 0 ] || fail "Redis is not ready after 60 s; its log is $log_dir/redis.log"
        redis_tries=$((redis_tries - 1))
        [ $((redis_tries % 10)) -ne 0 ] || tick_step
        sleep 0.1
    done
}
