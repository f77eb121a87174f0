# shellcheck shell=sh
# TCP ports: which are taken, by whom, and free ones for throw-away servers. Read from /proc, so no tool is needed.

# "port inode" of every listening socket.
listening_sockets() {
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local_address _ state _ _ _ _ _ inode _; do
        [ "$state" = 0A ] || continue
        echo "$((0x${local_address##*:})) $inode"
    done
}

port_is_taken() { # port
    listening_sockets | grep -q "^$1 "
}

# Who listens on a port, as far as we may see: "redis-server, pid 123", or nothing.
port_holder() { # port
    holder_inode=$(listening_sockets | sed -n "s/^$1 //p" | head -n 1)
    [ -n "$holder_inode" ] || return 0
    holder_fd=$(find /proc/[0-9]*/fd -lname "socket:\[$holder_inode\]" 2>/dev/null | head -n 1)
    [ -n "$holder_fd" ] || return 0
    holder_pid=${holder_fd#/proc/}
    holder_pid=${holder_pid%%/*}
    echo "$(cat "/proc/$holder_pid/comm" 2>/dev/null), pid $holder_pid"
}

require_free_port() { # port, what wants it, [setting that moves it]
    port_is_taken "$1" || return 0
    require_holder=$(port_holder "$1")
    fail "port $1, wanted by $2, is taken by ${require_holder:-another program (its name is hidden from this user)}. Stop that program${3:+ or choose another address with $3 in .env}. Nothing was started."
}

# Gives this run ten ports of its own: sets first_port. Runs beside each other never get the same ones, since each
# holds a lock (descriptor 8) on its block until it ends. The range lies below the ports that the kernel hands out.
take_port_block() {
    block_locks=/tmp/geobot-ports-$(id -u)
    mkdir -p "$block_locks"
    block_first=$(od -An -N2 -tu2 /dev/urandom)
    block_try=0
    while [ "$block_try" -lt 400 ]; do
        block=$(((block_first + block_try) % 400))
        block_try=$((block_try + 1))
        exec 8>"$block_locks/$block"
        flock -n 8 || continue
        first_port=$((20000 + block * 10))
        block_free=yes
        for block_port in $(listening_sockets | cut -d' ' -f1); do
            if [ "$block_port" -ge "$first_port" ] && [ "$block_port" -lt "$((first_port + 10))" ]; then block_free=no; fi
        done
        [ "$block_free" = no ] || return 0
    done
    fail "no ten free ports in a row between 20000 and 24000"
}
