# shellcheck shell=bash
# shellcheck disable=SC2154  # the names that are not assigned here are those of engine.sh and common.sh
# Installs a Docker engine from the packages of Debian or Ubuntu. Sourced by engine.sh, as root only.

# Debian's first suite with an engine that is new enough (28.5, Compose 2.40).
engine_suite=forky
apt_etc="$root/etc/apt"

# candidate PACKAGE: the version that apt would install, empty if there is none.
candidate() { apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'; }

# suite_version PACKAGE SUITE: the version that SUITE carries, whatever its priority.
suite_version() {
    apt-cache madison "$1" 2>/dev/null |
        awk -F'|' -v suite="$2/" '{ split($3, s, " "); v = $2; gsub(/ /, "", v) } index(s[2], suite) == 1 { print v; exit }'
}

# new_enough VERSION_COMMAND COMPOSE_PACKAGE [SUITE]
new_enough() {
    at_least "$("$1" docker.io "${@:3}")" "$need_engine" &&
        at_least "$("$1" "$2" "${@:3}")" "$need_compose" &&
        [ -n "$("$1" docker-buildx "${@:3}")" ]
}

# own_sources: files that may hold the machine's own Debian source, the likeliest first.
own_sources() {
    local file
    for file in "$apt_etc/sources.list.d/debian.sources" "$apt_etc/sources.list" \
        "$apt_etc"/sources.list.d/*.sources "$apt_etc"/sources.list.d/*.list; do
        case "$file" in */labgen-engine.*) continue ;; esac
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done | awk '!seen[$0]++'
}

# try_source FILE SUITE STALE: take SUITE from the mirror of FILE; succeeds if the engine is found there.
try_source() {
    local kind="${1##*.}" text new
    text="$(awk -v codename="$(os_field VERSION_CODENAME)" -v suite="$2" -v kind="$kind" -v stale="$3" \
        -f "$here/apt-source.awk" "$1")"
    [ -n "$text" ] || return 1
    rm -f "$apt_etc"/sources.list.d/labgen-engine.*
    new="$apt_etc/sources.list.d/labgen-engine.$kind"
    printf '%s\n' "$text" >"$new.tmp"
    mv -f "$new.tmp" "$new"
    # Only this source is read again: one of the user's that is broken is not our business.
    apt update -o Dir::Etc::sourcelist="$new" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 || true
    [ -n "$(suite_version docker.io "$2")" ]
}

# add_suite SUITE: a second source next to the machine's own, so that the mirror, its key and its options
# are those that the machine was given. A third party's source may carry the same suite name; hence each
# one is tried until the engine is found in it.
add_suite() {
    local file
    mkdir -p "$apt_etc/sources.list.d" "$apt_etc/preferences.d"
    # Priority 100: nothing that is installed changes its suite, only what is asked for by name.
    printf '%s\n' "# Made by labgen's set-up; remove it together with sources.list.d/labgen-engine.*" \
        "Package: *" "Pin: release n=$1" "Pin-Priority: 100" >"$apt_etc/preferences.d/labgen-engine"
    while IFS= read -r file; do
        if try_source "$file" "$1" ''; then return 0; fi
        # A closed network often has a mirror that nobody brings up to date; the machine's own release says
        # nothing about that, for a stable one never expires.
        if tail -n 20 "$apt_log" | grep -q 'is expired'; then
            say "the package mirror's $1 is out of date; taken as it is, its signature is checked"
            if try_source "$file" "$1" 1; then return 0; fi
        fi
    done < <(own_sources)
    rm -f "$apt_etc"/sources.list.d/labgen-engine.* "$apt_etc/preferences.d/labgen-engine"
    return 1
}

# install_engine: ends the script with one message where the packages do not carry what labgen needs.
install_engine() {
    local packages name
    name="$(os_field PRETTY_NAME)"
    say "no Docker engine here; installing one from $name's packages (log: $apt_log)"
    apt_update
    case "$(os_field ID)" in
    ubuntu)
        new_enough candidate docker-compose-v2 || die 3 "$name carries docker.io $(candidate docker.io) and" \
            "docker-compose-v2 $(candidate docker-compose-v2); labgen needs $need_engine and $need_compose:" \
            "install Docker from its own packages ($manual) and run this again."
        packages="docker.io docker-compose-v2 docker-buildx debian-archive-keyring"
        ;;
    *)
        if new_enough candidate docker-compose; then
            packages="docker.io docker-cli docker-compose docker-buildx"
        else
            say "$name's own docker.io is too old; taking it from $engine_suite, everything else stays as it is"
            if ! add_suite "$engine_suite" || ! new_enough suite_version docker-compose "$engine_suite"; then
                die 3 "no apt source of this machine leads to Docker $need_engine (tried suite $engine_suite, log:" \
                    "$apt_log): install Docker $need_engine or newer ($manual) and run this again."
            fi
            packages="docker.io/$engine_suite docker-cli/$engine_suite"
            packages="$packages docker-compose/$engine_suite docker-buildx/$engine_suite"
        fi
        ;;
    esac
    # shellcheck disable=SC2086  # a list of packages
    (close_extra_fds && apt_install $packages iptables mmdebstrap ca-certificates) || {
        tail -n 15 "$apt_log" >&2
        die 3 "apt-get could not install the Docker engine; its last lines are above, the rest is in $apt_log."
    }
}
