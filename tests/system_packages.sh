#!/bin/sh
# Installs the Debian packages whose programs the tests run: as root, or anywhere in CI.
# For everyone else it prints the line that does, and goes on: their tests are skipped.
#
#   tests/system_packages.sh          what the tests need
#   tests/system_packages.sh bench    and what the benchmarks need
set -eu

# program:package; PROGRAMS and the place below are other ones while this script itself is tested.
STORES="postgres:postgresql pgbouncer:pgbouncer redis-server:redis-server"
MONITORING="promtool:prometheus amtool:prometheus-alertmanager docker-compose:docker-compose"
PROGRAMS=${TEST_PROGRAMS:-nginx:nginx-light mtail:mtail systemd-analyze:systemd $MONITORING $STORES}
BENCHMARK_PROGRAMS="prometheus-blackbox-exporter:prometheus-blackbox-exporter rclone:rclone"

# While packages are installed, this file keeps their services from starting.
POLICY=${TEST_POLICY:-/usr/sbin/policy-rc.d}
POLICY_BEFORE=$POLICY.before-mastodon-exporter-tests
POLICY_MARK="# Written by the tests of mastodon-exporter; taken away after the installation."

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Debian keeps the programs of each PostgreSQL in a folder of its own.
for folder in /usr/lib/postgresql/*/bin; do PATH=$PATH:$folder; done

main() {
    wanted=$PROGRAMS
    if [ "${1:-}" = bench ]; then wanted="$wanted $BENCHMARK_PROGRAMS"; fi
    missing_programs=''
    missing_packages=''
    for pair in $wanted; do look_for "${pair%%:*}" "${pair##*:}"; done
    if ! can_make_environments; then missing "the Python module venv" python3-venv; fi
    if [ -z "$missing_packages" ]; then return; fi

    if ! command -v apt-get >/dev/null; then
        echo "Missing here, so their tests are skipped:$missing_programs." >&2
    elif [ "$(id -u)" -eq 0 ]; then
        install_packages
    elif [ "${CI:-}" = true ] && command -v sudo >/dev/null; then
        exec sudo -n env CI=true sh "$0" "$@"
    else
        echo "Missing here, so their tests are skipped:$missing_programs. To install:" >&2
        echo "  sudo apt-get install -y --no-install-recommends$missing_packages" >&2
    fi
}

look_for() {
    if ! command -v "$1" >/dev/null; then missing "$1" "$2"; fi
}

missing() {
    missing_programs="${missing_programs:+$missing_programs,} $1"
    missing_packages="$missing_packages $2"
}

can_make_environments() {
    ${PYTHON:-python3} -c "import ensurepip, venv" 2>/dev/null
}

install_packages() {
    trap restore_policy EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    forbid_services
    export DEBIAN_FRONTEND=noninteractive
    echo "Installing:$missing_packages" >&2
    run_apt update
    # shellcheck disable=SC2086  # one word a package
    run_apt install --yes --no-install-recommends $missing_packages
}

run_apt() {
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

forbid_services() {
    restore_policy # what a killed run left behind
    if [ -e "$POLICY" ]; then mv "$POLICY" "$POLICY_BEFORE"; fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

restore_policy() {
    if grep -qsF "$POLICY_MARK" "$POLICY"; then rm -f "$POLICY"; fi
    if [ -e "$POLICY_BEFORE" ]; then mv "$POLICY_BEFORE" "$POLICY"; fi
}

main "$@"
