# shellcheck shell=sh
# The settings file .env: made once from .env.example, then only read. Needs: here.

random_hex() { # bytes
    od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# In .env.example a line "#:random N" or "#:route-key" says how the empty setting below it is filled;
# "#:random-or-empty N" does so as well, but later the setting may be empty.
# The file appears whole or not at all, readable by its owner only, and never replaces one that is there.
create_env() {
    [ ! -e "$here/.env" ] && [ ! -L "$here/.env" ] || return 0
    env_new=$here/.env.new
    (
        umask 077
        env_fill=
        while IFS= read -r env_line || [ -n "$env_line" ]; do
            case $env_line in
            '#:random '* | '#:random-or-empty '*) env_fill=$(random_hex "${env_line##* }") ;;
            '#:route-key') env_fill=1:$(random_hex 32) ;;
            '#:'*) : ;;
            *)
                printf '%s%s\n' "$env_line" "$env_fill"
                env_fill=
                ;;
            esac
        done <"$here/.env.example" >"$env_new"
    )
    mv "$env_new" "$here/.env"
    say '  ✓ .env created with random secrets (keep a copy of it with your backups)'
}

# The value of a setting as our programs see it: the environment first, then .env, then the default.
setting() { # NAME [default]
    eval "setting_value=\${$1-}"
    if [ -z "$setting_value" ] && [ -r "$here/.env" ]; then
        setting_value=$(sed -n "s/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$here/.env" | head -n 1 | tr -d '\r')
        case $setting_value in
        \"*\"*) setting_value=${setting_value#\"} setting_value=${setting_value%%\"*} ;;
        \'*\'*) setting_value=${setting_value#\'} setting_value=${setting_value%%\'*} ;;
        *) setting_value=$(printf '%s' "$setting_value" | sed 's/[[:space:]]#.*//; s/[[:space:]]*$//') ;;
        esac
    fi
    printf '%s\n' "${setting_value:-${2-}}"
}

setting_names() { sed -n 's/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}\([A-Z][A-Z0-9_]*\)[[:space:]]*=.*/\2/p'; }

# Names what a newer .env.example has and this .env lacks; nothing is added silently.
check_env() {
    env_lacks=$({
        setting_names <"$here/.env"
        echo
        setting_names <"$here/.env.example"
    } | awk '!NF { second = 1; next } !second { have[$1] = 1; next } !have[$1] { printf " %s", $1 }')
    [ -z "$env_lacks" ] || say "  ! .env lacks settings that .env.example has (their defaults are used):$env_lacks"
    case $(stat -L -c %a "$here/.env") in *00) ;; *) say '  ! .env holds secrets and others may read it: chmod 600 .env' ;; esac
    env_secrets=$(sed -n '/^#:random-or-empty /d; /^#:/{n;s/^\([A-Z][A-Z0-9_]*\)=.*/\1/p;}' "$here/.env.example")
    for env_name in $env_secrets; do
        [ -n "$(setting "$env_name")" ] ||
            fail_setting "$env_name is empty. Put a line into .env, for example: $env_name=$(sample_secret "$env_name")"
    done
    case $(setting KAFKA_USERNAME geobot)$(setting KAFKA_PASSWORD) in
    *[!A-Za-z0-9._~-]*) fail_setting 'KAFKA_USERNAME and KAFKA_PASSWORD may hold letters, digits and . _ ~ - only' ;;
    esac
}

sample_secret() { # NAME
    case $1 in
    ROUTE_KEY) echo "1:$(random_hex 32)" ;;
    *) random_hex 24 ;;
    esac
}

# sandbox: no token, or one whose secret part starts with SANDBOX; live: any other.
mode_of_token() {
    mode_token=$(setting BOT_TOKEN)
    case $mode_token in
    '') echo sandbox ;;
    *:SANDBOX*) echo sandbox ;;
    *) echo live ;;
    esac
}

# Before anybody pays for real: the demo shop of the sandbox takes no money.
check_live_settings() {
    case $(setting ROBOKASSA_LOGIN) in
    '' | geobot-demo)
        fail_setting 'BOT_TOKEN is a real one, but the shop is still the demo: set ROBOKASSA_LOGIN and the ROBOKASSA passwords in .env to those of your shop (ROBOKASSA_PASSWORD3 may be empty: then nothing is refunded from here)'
        ;;
    esac
    case $(setting LK_PUBLIC_URL http://127.0.0.1:5500) in
    *://127.* | *://localhost*) say '  ! LK_PUBLIC_URL is an address of this machine only: nobody else can open the payment links' ;;
    esac
}

use_mode() { # sandbox | live
    mode=$1
    mode_dir=$here/data/$mode
    run_dir=$mode_dir/run
    log_dir=$mode_dir/logs
    kafka_dir=$mode_dir/kafka
    redis_dir=$mode_dir/redis
}

# Tokens, people's data and logs are for their owner only.
make_mode_folders() {
    mkdir -p "$mode_dir"
    chmod 700 "$mode_dir"
    mkdir -p "$run_dir" "$log_dir" "$kafka_dir" "$redis_dir"
}

anything_is_alive() {
    for any_file in "$run_dir"/*.pid; do
        [ -e "$any_file" ] || continue
        any_name=${any_file##*/}
        ! process_is_alive "${any_name%.pid}" || return 0
    done
    return 1
}

# The mode that runs; if none does, the one that .env asks for.
use_running_mode() {
    for running_mode in live sandbox; do
        use_mode "$running_mode"
        ! anything_is_alive || return 0
    done
    use_mode "$(mode_of_token)"
}

# Kafka and Redis are started here unless .env points elsewhere.
kafka_is_ours() {
    case $(setting KAFKA_BROKERS 127.0.0.1:9092) in
    127.0.0.1:909[23] | localhost:909[23]) return 0 ;;
    *) return 1 ;;
    esac
}

redis_is_ours() {
    case $(setting REDIS_URL redis://127.0.0.1:6379/) in
    redis://127.0.0.1:6379 | redis://127.0.0.1:6379/* | redis://localhost:6379 | redis://localhost:6379/*) return 0 ;;
    *) return 1 ;;
    esac
}
