# shellcheck shell=sh
# The word up: looks at everything first, then starts what is missing, in order, and prints the addresses.

# Every port is looked at before anything is started.
check_ports() {
    if kafka_is_ours && ! process_is_alive kafka; then
        require_free_port "$kafka_sasl_port" 'Kafka (SASL_PLAINTEXT)'
        require_free_port "$kafka_internal_port" 'Kafka (PLAINTEXT_INTERNAL)'
        require_free_port "$kafka_controller_port" "Kafka's controller"
    fi
    if redis_is_ours && ! process_is_alive redis; then require_free_port "$redis_port" Redis; fi
    ports_seen=
    for ports_name in $(service_names); do
        ports_listen=$(service_listen "$ports_name")
        ports_number=${ports_listen##*:}
        case $ports_number in
        '' | *[!0-9]*) fail_setting "$(service_listen_setting "$ports_name") must look like 127.0.0.1:8000, not \"$ports_listen\"" ;;
        esac
        case " $ports_seen " in
        *" $ports_number "*) fail_setting "$(service_listen_setting "$ports_name"): port $ports_number is given to two services" ;;
        esac
        ports_seen="$ports_seen $ports_number"
        process_is_alive "$ports_name" || require_free_port "$ports_number" "$ports_name" "$(service_listen_setting "$ports_name")"
    done
}

word_up() {
    profile=${GEOBOT_PROFILE:-release}
    for up_option in "$@"; do
        case $up_option in
        --debug) profile=debug ;;
        *) fail_setting "up does not know $up_option (see: sh init.sh help)" ;;
        esac
    done
    case $profile in debug | release) ;; *) fail_setting "GEOBOT_PROFILE is debug or release, not \"$profile\"" ;; esac
    up_began=$(seconds)

    require_packages
    require_rust
    take_lock
    create_env
    check_env
    use_mode live
    [ "$(mode_of_token)" = live ] || ! anything_is_alive || fail '.env asks for the sandbox, but the live mode is up: sh init.sh down first'
    use_mode sandbox
    [ "$(mode_of_token)" = sandbox ] || ! anything_is_alive || fail '.env has a real BOT_TOKEN, but the sandbox is up: sh init.sh down first'
    use_mode "$(mode_of_token)"
    [ "$mode" = sandbox ] || check_live_settings
    make_mode_folders
    kafka_sasl_port=9092 kafka_internal_port=9093 kafka_controller_port=29093 kafka_internal_host=localhost
    redis_port=6379
    say "geobot: $mode mode, $profile build"

    check_ports
    fetch_kafka
    build_services
    # The build took its time.
    check_ports
    taking_down_on_failure=yes
    KAFKA_HEAP_OPTS=$(setting KAFKA_HEAP_OPTS)
    up_stores
    run_step 'topics' "$log_dir/topics.log" "$(binary_dir)/geobot-ctl" topics ensure
    up_services
    if [ "$mode" = sandbox ]; then run_step 'demo products' "$log_dir/demo.log" "$(binary_dir)/geobot-ctl" demo; fi
    echo "$profile" >"$run_dir/profile"
    taking_down_on_failure=
    print_addresses
}

up_stores() {
    if redis_is_ours; then
        leave_or_stop redis "$(redis_stamp)" || start_redis
    fi
    if kafka_is_ours; then
        if ! leave_or_stop kafka "$(kafka_stamp)"; then
            begin_step kafka
            format_kafka
            start_kafka
            await_kafka
            end_step
        fi
        begin_step "kafka's user and rights"
        grant_kafka_user "$(setting KAFKA_USERNAME geobot)" "$(setting KAFKA_PASSWORD)"
        end_step
    fi
    if redis_is_ours; then
        begin_step redis
        await_redis
        end_step
    fi
}

# The sandbox stands in for the outside world, so it is there before anybody asks for it.
up_services() {
    for up_name in $(service_names); do
        start_service "$up_name"
        [ "$up_name" != sandbox ] || await_service sandbox
    done
    for up_name in $(service_names); do
        [ "$up_name" = sandbox ] || await_service "$up_name"
    done
}

print_addresses() {
    say
    say "geobot is up ($mode mode, $(($(seconds) - up_began)) s)"
    say
    [ "$mode" != sandbox ] ||
        say "  chat with the bot     http://$(service_address sandbox)/   (stands in for Telegram, Robokassa and Logstash)"
    say "  cabinet (LK)          $(setting LK_PUBLIC_URL http://127.0.0.1:5500)"
    say "  staff (ARM)           $(setting ARM_URL http://127.0.0.1:8000)"
    say "    first sign-in       $(setting ARM_OWNER_LOGIN owner) / $(setting ARM_OWNER_PASSWORD)   (until it is changed there)"
    say "  health and metrics    /health/ready and /metrics on each:"
    for address_name in $(service_names); do
        printf '    %-19s http://%s\n' "$address_name" "$(service_address "$address_name")"
    done
    say "  Kafka                 $(setting KAFKA_BROKERS 127.0.0.1:9092)$(! kafka_is_ours || echo '   (SCRAM-SHA-256); for tools on this machine: localhost:9093')"
    say "  Redis                 $(setting REDIS_URL redis://127.0.0.1:6379/)"
    say
    [ "$mode" != sandbox ] || say '  sh init.sh try     buys one product and shows each hop'
    say '  sh init.sh status  what runs;  logs [service];  down'
}
