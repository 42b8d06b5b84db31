#!/usr/bin/env bash
# Makes .venv: a Python 3.11 or newer, the locked packages by their hashes, labgen itself in editable form.
#
# The stamp in .venv is written last and says what the environment was made from. The same stamp: nothing
# to do. No stamp: the work was interrupted, so it starts over. Another stamp: the packages are brought up
# to the lock.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=labgen/setup/common.sh
. "$here/common.sh"
project="$(cd "$here/../.." && pwd)"
cd "$project"
lock=requirements-dev.lock
stamp=.venv/.made-from

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
# Debian has venv's other half, ensurepip, in a package of its own.
complete() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# find_python: the first Python that is new enough and complete, else the first that is new enough.
find_python() {
    local name second=''
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        usable "$name" || continue
        if complete "$name"; then
            printf '%s' "$name"
            return
        fi
        second="${second:-$name}"
    done
    printf '%s' "$second"
}

install_python() {
    local packages=python3-venv
    if ! is_root || ! is_debian_like; then return 0; fi
    [ -z "$1" ] || packages="python3-venv $("$1" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
    say "installing $packages"
    # shellcheck disable=SC2086  # a list of packages
    apt_install $packages || { apt_update && apt_install $packages; } ||
        say "apt-get could not install $packages (see $apt_log)"
}

ready_python() {
    python="$(find_python)"
    if [ -z "$python" ] || ! complete "$python"; then
        install_python "$python"
        hash -r
        python="$(find_python)"
    fi
    [ -n "$python" ] || die 1 "no Python 3.11 or newer on the PATH (tried python3, python3.14 to python3.11):" \
        "install one, or name it with 'make setup PYTHON=/path/to/python3'."
    complete "$python" || die 1 "$python has no venv module: install it ('sudo apt-get install python3-venv') and" \
        "run this again."
}

# The path counts because the programs in .venv/bin have it in their first line.
made_from() { printf '%s %s\n' "$project" "$(cat "$lock" pyproject.toml "$here/venv.sh" | cksum)"; }

up_to_date() {
    [ "$(cat "$stamp" 2>/dev/null || true)" = "$(made_from)" ] && usable .venv/bin/python
}

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet --quiet "$@" </dev/null; }

main() {
    local wanted
    up_to_date && return 0
    # Two set-ups at once would write into one folder: the second waits, then finds the work done.
    if have flock; then
        exec 9<"$lock"
        flock -w 900 9 || die 1 "another set-up of .venv has not ended within 15 minutes."
        ! up_to_date || return 0
    fi
    ready_python
    wanted="$(made_from)"
    if [ ! -f "$stamp" ] || ! usable .venv/bin/python || [ "$(cut -d' ' -f1 <"$stamp")" != "$project" ]; then
        say "making .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
    fi
    rm -f "$stamp"
    say "installing the locked packages"
    # The lock is complete, so nothing is resolved; a package that is not in it is an error.
    pip install --require-hashes --no-deps --requirement "$lock"
    pip install --no-deps --no-build-isolation --editable .
    printf '%s\n' "$wanted" >"$stamp.new"
    mv -f "$stamp.new" "$stamp"
}

main
