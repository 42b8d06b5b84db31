#!/usr/bin/env bash
# Checks every shell script of the project, wherever shellcheck is at hand: the lock brings it for Linux on
# amd64, elsewhere the system's is taken.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=labgen/setup/common.sh
. "$here/common.sh"
cd "$here/../.."

shellcheck="$PWD/.venv/bin/shellcheck"
have "$shellcheck" || shellcheck=shellcheck
if ! have "$shellcheck"; then
    say "no shellcheck here, the shell scripts are not checked"
    exit 0
fi
# A script is known by its first line, for most of those in images have no suffix.
find .ci images compose-templates labgen tests -type f -exec awk \
    'FNR == 1 && /^#(!.*[\/ ](ba|da)?sh|.*shellcheck shell=)/ { printf "%s%c", FILENAME, 0 } { nextfile }' {} + |
    xargs -0 "$shellcheck" --external-sources
