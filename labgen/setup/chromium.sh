#!/usr/bin/env bash
# Makes sure that there is a Chromium for the tests of the UI. `labgen` itself needs none.
#
# One that is there is left alone. As root on Debian it is installed from Debian's packages; Ubuntu's package
# is only a door to a store of its own, so there and everywhere else the message says what to do, exit 1.
#
#   CHROMIUM   the browser to take, if the one found is not the one wanted
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=labgen/setup/common.sh
. "$here/common.sh"

browsers="chromium, chromium-browser, google-chrome-stable"

# find_chromium: the first browser that is at hand; tests/browser.py looks in the same places.
find_chromium() {
    local name
    [ -z "${CHROMIUM:-}" ] || { command -v "$CHROMIUM"; return; }
    for name in ${browsers//,/}; do
        have "$name" || continue
        command -v "$name"
        return
    done
    return 1
}

main() {
    local missing="the tests of the UI need a Chromium and none is on the PATH (tried $browsers)"
    ! find_chromium >/dev/null || return 0
    [ -z "${CHROMIUM:-}" ] || die 1 "there is no browser at CHROMIUM=$CHROMIUM, which the tests of the UI need."
    if [ "$(os_field ID)" != debian ] || ! is_debian_like; then
        die 1 "$missing: install one, or name it with CHROMIUM=/path/to/chromium."
    fi
    is_root || die 1 "$missing: 'sudo apt-get install chromium', or run 'make chromium' once as root."
    say "installing Chromium for the tests of the UI (log: $apt_log)"
    apt_install chromium || { apt_update && apt_install chromium; } || {
        tail -n 15 "$apt_log" >&2
        die 1 "apt-get could not install chromium; its last lines are above, the rest is in $apt_log."
    }
    hash -r
    find_chromium >/dev/null || die 1 "chromium was installed, but is not on the PATH."
}

main
