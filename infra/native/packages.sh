# shellcheck shell=sh
# Tools that must be there. What Debian has is installed when we may; otherwise one line says what to do.

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

has() { command -v "$1" >/dev/null 2>&1; }

has_java() {
    has java || return 1
    java_major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${java_major:-0}" -ge 17 ]
}

# Debian's names of what is missing; with "tests", of what only the tests need as well.
missing_packages() { # [tests]
    has redis-server && has redis-cli || echo redis-server
    has_java || echo default-jre-headless
    has mvn || echo maven
    has g++ || echo g++
    has make || echo make
    has curl || echo curl
    has flock && has setsid && has setpriv || echo util-linux
    has pkg-config || echo pkg-config
    has pkg-config && pkg-config --exists openssl 2>/dev/null || echo libssl-dev
    has pkg-config && pkg-config --exists zlib 2>/dev/null || echo zlib1g-dev
    if [ "${1-}" = tests ]; then
        [ -n "$(postgres_bin)" ] && has psql || echo postgresql
    fi
}

# The program that run_step starts must be a real one, so the two commands go through a shell.
apt_script='
set -e
umask 022
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
'

require_packages() { # [tests]
    missing=$(missing_packages "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    may_install || fail "missing: $missing. Run as root: apt-get install $missing"
    package_log=$(mktemp)
    hold_services
    # shellcheck disable=SC2046,SC2086 # several packages; a command or nothing
    run_step "installing $missing" "$package_log" $([ "$(id -u)" = 0 ] || echo sudo -n) sh -c "$apt_script" sh $missing
    release_services
    rm -f "$package_log"
    # Debian would start these two at the next boot, on the very ports that ours use.
    for missing_package in $missing; do
        case $missing_package in
        redis-server | postgresql) as_root update-rc.d "$missing_package" disable >/dev/null 2>&1 || : ;;
        esac
    done
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -z "$missing" ] || fail "still missing after the installation: ${missing% }. This system's packages may be too old (Debian 12 or newer is needed)"
}

# A policy that says no to every start, in place while packages are installed: nothing of Debian's takes our ports.
service_policy=/usr/sbin/policy-rc.d
policy_held=

hold_services() {
    if grep -qs 'geobot init.sh' "$service_policy"; then as_root rm -f "$service_policy"; fi
    [ ! -e "$service_policy" ] || as_root mv "$service_policy" "$service_policy.before-geobot"
    policy_held=yes
    printf '#!/bin/sh\n# Written by geobot init.sh for the time of one installation.\nexit 101\n' | as_root tee "$service_policy" >/dev/null
    as_root chmod 755 "$service_policy"
}

release_services() {
    [ -n "$policy_held" ] || return 0
    as_root rm -f "$service_policy"
    [ ! -e "$service_policy.before-geobot" ] || as_root mv "$service_policy.before-geobot" "$service_policy"
    policy_held=
}

require_rust() {
    has cargo || PATH=$PATH:${HOME-}/.cargo/bin
    rust_wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
    { has cargo && has rustc; } ||
        fail "Rust $rust_wanted or newer is needed (cargo and rustc are not in the PATH): install it with rustup, see rust-lang.org/tools/install"
    rust_found=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n' "$rust_wanted" "$rust_found" | sort -V | head -n 1)" = "$rust_wanted" ] ||
        fail "Rust $rust_wanted or newer is needed, found $rust_found: rustup update stable"
}
