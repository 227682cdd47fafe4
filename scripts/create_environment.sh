#!/bin/sh
# Creates a Python virtual environment with the first usable one of the Pythons named:
#
#   scripts/create_environment.sh FOLDER PYTHON...
#
# Usable is Python 3.11 or newer that can make environments. Where there is none, says what to install.
set -eu

main() {
    folder=$1
    shift
    for python in "$@"; do
        if is_new_enough "$python" && can_make_environments "$python"; then
            create "$python" "$folder"
            return
        fi
    done
    for python in "$@"; do
        if is_new_enough "$python"; then refuse_without_venv "$python"; fi
    done
    refuse_without_python "$@"
}

is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1
}

can_make_environments() {
    "$1" -c "import ensurepip, venv" >/dev/null 2>&1
}

create() {
    echo "Creating $2 with $("$1" --version)."
    trap 'rm -rf "$folder"' EXIT # half an environment would pass for a whole one
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$1" -m venv --clear "$2"
    trap - EXIT INT TERM
}

refuse_without_venv() {
    version=$("$1" -c "import sys; print('%d.%d' % sys.version_info[:2])")
    echo "$("$1" --version) is here, but not what it makes virtual environments with. To install it:" >&2
    echo "  sudo apt-get install -y python$version-venv" >&2
    exit 1
}

refuse_without_python() {
    for python in "$@"; do last=$python; done
    echo "Python 3.11 or newer is needed; $last here is: $("$last" --version 2>&1 || true)." >&2
    echo "On Debian 12, Ubuntu 24.04 and newer:" >&2
    echo "  sudo apt-get install -y python3 python3-venv" >&2
    exit 1
}

main "$@"
