# shellcheck shell=sh
# Apache Kafka natively: fetched once with Maven, formatted once, started, its accounts and rights set.
# Needs: here, kafka_dir (of this node), kafka_sasl_port, kafka_internal_port, kafka_controller_port, kafka_internal_host.

# The jars are the same for every mode and for the tests; GEOBOT_CACHE keeps them outside of the checkout.
kafka_libs=${GEOBOT_CACHE:-$here/data}/kafka/libs

# Complete only when the mark tells of this very pom.xml: a broken or an older fetch is not taken for done.
kafka_is_fetched() {
    [ -r "$kafka_libs/.fetched" ] && [ "$(cat "$kafka_libs/.fetched")" = "$(cksum <"$here/infra/kafka/pom.xml")" ]
}

fetch_kafka() {
    ! kafka_is_fetched || return 0
    mkdir -p "${kafka_libs%/libs}"
    # Two runs at once (up and test, say) fetch it once.
    exec 7>"${kafka_libs%/libs}/fetch.lock"
    flock -n 7 || say '  … waiting for another init.sh that fetches Kafka'
    flock 7
    if ! kafka_is_fetched; then
        fetch_dir=$kafka_libs.partial
        rm -rf "$fetch_dir"
        mkdir "$fetch_dir"
        run_step 'fetching Apache Kafka with Maven' "${kafka_libs%/libs}/fetch.log" \
            mvn -B -f "$here/infra/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$fetch_dir"
        [ -n "$(find "$fetch_dir" -name 'kafka_2.13-*.jar')" ] || fail "Maven brought no Kafka; its output is in ${kafka_libs%/libs}/fetch.log"
        cksum <"$here/infra/kafka/pom.xml" >"$fetch_dir/.fetched"
        rm -rf "$kafka_libs"
        mv "$fetch_dir" "$kafka_libs"
    fi
    exec 7>&-
}

kafka_tool() { # main class, arguments …
    java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$here/infra/kafka/tools-log4j2.properties" \
        -cp "$kafka_libs/*" "$@"
}

write_kafka_properties() {
    sed -e "s|@SASL_PORT@|$kafka_sasl_port|g" -e "s|@INTERNAL_PORT@|$kafka_internal_port|g" \
        -e "s|@CONTROLLER_PORT@|$kafka_controller_port|g" -e "s|@INTERNAL_HOST@|$kafka_internal_host|g" \
        -e "s|@DATA_DIR@|$kafka_dir/log|g" "$here/infra/kafka/server.properties" >"$kafka_dir/server.properties.new"
    mv -f "$kafka_dir/server.properties.new" "$kafka_dir/server.properties"
}

# Formats the storage of a new node. An interrupted format leaves no meta.properties and is repeated.
format_kafka() {
    mkdir -p "$kafka_dir"
    write_kafka_properties
    [ ! -e "$kafka_dir/log/meta.properties" ] || return 0
    # Sixteen random bytes in base64url, as Kafka's own random-uuid gives; it may not begin with a dash.
    format_id=A$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)
    if ! kafka_tool kafka.tools.StorageTool format -t "$format_id" -c "$kafka_dir/server.properties" >"$kafka_dir/format.log" 2>&1; then
        cat "$kafka_dir/format.log" >&2
        fail "Kafka's storage in $kafka_dir could not be formatted"
    fi
    # A new storage knows no account.
    rm -f "$kafka_dir/.granted"
}

# What a running broker was started from; another version or other settings mean another stamp.
kafka_stamp() {
    printf 'kafka-%s\n' "$({ cat "$here/infra/kafka/pom.xml" "$here/infra/kafka/server.properties"; echo "${KAFKA_HEAP_OPTS-}"; } | cksum | tr ' ' '.')"
}

start_kafka() {
    # shellcheck disable=SC2086 # several options in one variable
    start_process kafka "$(kafka_stamp)" java ${KAFKA_HEAP_OPTS:--Xms128m -Xmx384m} -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
        -Djava.awt.headless=true -Dlog4j2.configurationFile="$here/infra/kafka/log4j2.properties" \
        -cp "$kafka_libs/*" kafka.Kafka "$kafka_dir/server.properties"
}

await_kafka() {
    kafka_tries=600
    until grep -q 'Kafka Server started' "$log_dir/kafka.log" 2>/dev/null; do
        if ! process_is_alive kafka; then
            tail -n 20 "$log_dir/kafka.log" >&2
            fail "Kafka ended while it was starting; its log is $log_dir/kafka.log"
        fi
        [ "$kafka_tries" -gt 0 ] || fail "Kafka is not ready after 60 s; its log is $log_dir/kafka.log"
        kafka_tries=$((kafka_tries - 1))
        [ $((kafka_tries % 10)) -ne 0 ] || tick_step
        sleep 0.1
    done
}

# The services' user: its password (SCRAM-SHA-256) and its rights. Done once, and again when either of them changes.
# The password goes to the tool in a file that only we can read, never in an argument, which everybody can.
grant_kafka_user() { # name, password
    grant_mark=$(printf 'rights-1 %s %s' "$1" "$2" | sha256sum | cut -d' ' -f1)
    [ "$(cat "$kafka_dir/.granted" 2>/dev/null)" != "$grant_mark" ] || return 0
    grant_server=127.0.0.1:$kafka_internal_port
    (
        umask 077
        printf 'SCRAM-SHA-256=password=%s\n' "$2" >"$kafka_dir/scram.properties"
    )
    {
        kafka_tool kafka.admin.ConfigCommand --bootstrap-server "$grant_server" --alter \
            --add-config-file "$kafka_dir/scram.properties" --entity-type users --entity-name "$1" &&
            kafka_tool org.apache.kafka.tools.AclCommand --bootstrap-server "$grant_server" --add \
                --allow-principal "User:$1" --operation All --topic '*' --group '*' --transactional-id '*' &&
            kafka_tool org.apache.kafka.tools.AclCommand --bootstrap-server "$grant_server" --add \
                --allow-principal "User:$1" --operation IdempotentWrite --operation Describe --operation DescribeConfigs --cluster
    } >"$kafka_dir/grant.log" 2>&1 || {
        rm -f "$kafka_dir/scram.properties"
        tail -n 20 "$kafka_dir/grant.log" >&2
        fail "Kafka's user $1 could not be set up; the tool's output is in $kafka_dir/grant.log"
    }
    rm -f "$kafka_dir/scram.properties"
    echo "$grant_mark" >"$kafka_dir/.granted"
}
