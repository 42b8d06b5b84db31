# shellcheck shell=bash
# What the set-up scripts share. Sourced, never run.
#
# Bash 3.2 is enough: macOS has no newer one, and there these scripts must at least say what is missing.
#
#   LABGEN_SETUP_ROOT   the tests' stand-in for `/`: every system path below starts with it

root="${LABGEN_SETUP_ROOT:-}"
# `su` without a dash leaves root without the folders where Debian keeps dockerd and iptables.
PATH="$PATH:$root/usr/sbin:$root/sbin"
# Translated answers of apt-cache and docker could not be read.
export LC_ALL=C

say() { printf 'setup: %s\n' "$*" >&2; }

# die CODE MESSAGE: the codes are labgen's own (3: Docker is missing or too old, 1: anything else).
die() {
    local code="$1"
    shift
    printf 'setup: %s\n' "$*" >&2
    exit "$code"
}

have() { command -v "$1" >/dev/null 2>&1; }

is_root() { [ "$(id -u)" = 0 ]; }

# at_least FOUND NEEDED: compare dotted numbers; a leading v, an epoch and any suffix do not count.
at_least() {
    local found="${1#v}" needed="$2" i
    found="${found#*:}"
    found="${found%%[!0-9.]*}"
    [ -n "$found" ] || return 1
    local IFS=.
    # shellcheck disable=SC2206  # splitting at the dots is the point
    local f=($found) n=($needed)
    for i in 0 1 2; do
        [ "$((10#${f[i]:-0}))" -eq "$((10#${n[i]:-0}))" ] && continue
        [ "$((10#${f[i]:-0}))" -gt "$((10#${n[i]:-0}))" ]
        return
    done
}

# os_field NAME: a field of os-release, read in a subshell because that file is shell code.
os_field() (
    # shellcheck source=/dev/null
    . "$root/etc/os-release" 2>/dev/null || exit 0
    eval "printf '%s' \"\${$1:-}\""
)

# Derivatives have package names of their own, so only the two that were tried count.
is_debian_like() { case "$(os_field ID)" in debian | ubuntu) have apt-get ;; *) return 1 ;; esac }

# bounded SECONDS COMMAND...: macOS has no timeout(1), and its engine fails quickly anyway.
bounded() {
    if have timeout; then timeout "$@"; else shift && "$@"; fi
}

apt_log="$root/var/log/labgen-setup-apt.log"

# apt ARGUMENT...: apt-get without questions and with patience for another one. DPkg::Lock::Timeout does
# not cover the package lists, so our own scripts, which make may run side by side, take turns by a lock.
# Its output goes to a log: a service that a package starts must not inherit a pipe of the caller, which
# would then wait for ever for its end.
apt() {
    local turns=()
    mkdir -p "$root/run" "$root/var/log"
    ! have flock || turns=(flock --close --wait 900 "$root/run/labgen-apt.lock")
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 ${turns[@]+"${turns[@]}"} apt-get -qq -y \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
        -o Dpkg::Options::=--force-confold "$@" </dev/null >>"$apt_log" 2>&1
}

# apt_install PACKAGE...: also finishes what an interrupted installation left half done.
apt_install() {
    dpkg --configure -a </dev/null >>"$apt_log" 2>&1 || true
    apt install --no-install-recommends "$@"
}

# The package lists of a new machine are empty. A broken third-party source is no reason to stop:
# what counts is whether the wanted package is found afterwards.
apt_update() { apt update || say "apt-get update reported errors (see $apt_log); going on"; }

# close_extra_fds: after this nothing but 0, 1 and 2 is open, neither make's job pipe nor the caller's.
close_extra_fds() {
    local fd
    for fd in /proc/self/fd/*; do
        fd="${fd##*/}"
        if [ "$fd" -gt 2 ] 2>/dev/null; then eval "exec $fd>&-"; fi
    done
}
