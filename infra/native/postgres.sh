# shellcheck shell=sh
# A throw-away PostgreSQL for the tests. Needs: postgres_dir, postgres_port, postgres_password.

# Debian keeps initdb and postgres out of the PATH, one folder a version; the newest is taken.
postgres_bin() {
    find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1 | sed 's|/initdb$||'
}

# initdb and postgres refuse root: as root they run as the user whom Debian's package made for them.
start_postgres() {
    postgres_home=$(postgres_bin)
    [ -n "$postgres_home" ] || fail 'PostgreSQL is not installed: apt-get install postgresql'
    mkdir -p "$postgres_dir"
    printf '%s\n' "$postgres_password" >"$postgres_dir/password"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres: "$postgres_dir"
        as_postgres='setpriv --reuid=postgres --regid=postgres --init-groups'
    else
        as_postgres=
    fi
    (
        cd "$postgres_dir" || exit 1
        # shellcheck disable=SC2086 # a command with its arguments, or nothing
        $as_postgres "$postgres_home/initdb" -D "$postgres_dir/data" -U postgres -A scram-sha-256 --pwfile="$postgres_dir/password" \
            -E UTF8 --locale=C.UTF-8 --no-sync
    ) >"$log_dir/initdb.log" 2>&1 || { tail -n 20 "$log_dir/initdb.log" >&2; fail 'initdb failed'; }
    # Nobody needs these data after a crash, so nothing waits for the disk.
    # shellcheck disable=SC2086
    start_process postgres postgres $as_postgres "$postgres_home/postgres" -D "$postgres_dir/data" -p "$postgres_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 \
        -c fsync=off -c full_page_writes=off -c synchronous_commit=off
}

postgres_query() { # SQL …
    PGPASSWORD=$postgres_password psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$postgres_port" -U postgres -d postgres "$@"
}

# The role geobot may make databases (a test takes one of its own) and nothing more.
await_postgres() {
    postgres_tries=300
    until postgres_query -c 'SELECT 1' >/dev/null 2>&1; do
        if [ "$postgres_tries" -le 0 ] || ! process_is_alive postgres; then
            tail -n 20 "$log_dir/postgres.log" >&2
            fail 'PostgreSQL did not become ready'
        fi
        postgres_tries=$((postgres_tries - 1))
        sleep 0.1
    done
    postgres_query -c "CREATE ROLE geobot LOGIN CREATEDB PASSWORD '$postgres_password'" -c 'CREATE DATABASE geobot OWNER geobot' ||
        fail 'the role geobot could not be made in PostgreSQL'
}
