#!/usr/bin/env bash
# Makes sure that a Docker engine, its Compose plugin and buildx answer, new enough for labgen.
#
# One that answers is left alone. As root, one that is installed is started, and on Debian and Ubuntu
# one is installed. In every other case: one message with the way out, exit 3.
#
#   LABGEN_ENGINE_TIMEOUT   seconds to wait for an engine that was started (60)
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=labgen/setup/common.sh
. "$here/common.sh"
# shellcheck source=labgen/setup/engine-install.sh
. "$here/engine-install.sh"

# Engine 28.0 has gateway_mode `isolated`; Compose 2.33.1 is the first that passes it on (`gw_priority`).
need_engine=28.0
need_compose=2.33.1
engine_log="$root/var/log/labgen-dockerd.log"
manual="https://docs.docker.com/engine/install/"

# probe: ask for all three versions in one call (0.1 s). Sets engine, compose, buildx; `cause` on failure.
probe() {
    local out line format
    engine='' compose='' buildx='' cause=''
    have docker || { cause="there is no docker command"; return 1; }
    format='labgen|{{.ServerVersion}}|'
    format="$format{{range .ClientInfo.Plugins}}{{if eq .Name \"compose\"}}{{.Version}}{{end}}{{end}}|"
    format="$format{{range .ClientInfo.Plugins}}{{if eq .Name \"buildx\"}}{{.Version}}{{end}}{{end}}|"
    out="$(bounded 20 docker info --format "$format" 2>&1 </dev/null)" || true
    while IFS= read -r line; do
        case "$line" in
        *'labgen|'*) IFS='|' read -r _ engine compose buildx _ <<<"labgen|${line#*labgen|}" ;;
        ?*) cause="$line" ;;
        esac
    done <<<"$out"
    [ -n "$engine" ] && return 0
    cause="${cause:-docker info gave no answer within 20 s}"
    return 1
}

check_versions() {
    at_least "$engine" "$need_engine" || die 3 "the Docker engine is $engine, labgen needs $need_engine or" \
        "newer: upgrade it ($manual) and run this again."
    [ -n "$compose" ] || die 3 "Docker has no Compose plugin, labgen needs $need_compose or newer:" \
        "install docker-compose-plugin (Docker's packages), docker-compose (Debian 14) or docker-compose-v2 (Ubuntu)."
    at_least "$compose" "$need_compose" || die 3 "the Compose plugin is $compose, labgen needs $need_compose" \
        "or newer: upgrade docker-compose-plugin, docker-compose (Debian 14) or docker-compose-v2 (Ubuntu)."
    [ -n "$buildx" ] || die 3 "Docker has no buildx plugin, labgen builds its images with it:" \
        "install docker-buildx-plugin (Docker's packages) or docker-buildx (Debian 14, Ubuntu)."
}

# A machine whose engine came without our help may lack what makes a base image without a registry.
# That is a loss only where no registry answers, hence a word and not an error.
ensure_tools() {
    have mmdebstrap && return 0
    if [ "$(uname -s)" != Linux ] || ! is_root || ! is_debian_like; then return 0; fi
    say "installing mmdebstrap (it makes the base image where no registry answers)"
    apt_install mmdebstrap || { apt_update && apt_install mmdebstrap; } ||
        say "mmdebstrap cannot be installed (see $apt_log): the base image must then come from a registry"
}

# packaged_half: dpkg was interrupted while it installed the engine.
packaged_half() {
    have dpkg-query || return 1
    case "$(dpkg-query -W -f '${db:Status-Status}' docker.io 2>/dev/null || true)" in
    half-installed | unpacked | half-configured | triggers-*) return 0 ;;
    *) return 1 ;;
    esac
}

# spawn_dockerd: in the background, in a session of its own, holding no file of the caller; sets `pid`.
spawn_dockerd() {
    local file="$root/var/run/docker.pid" old
    old="$(cat "$file" 2>/dev/null || true)"
    if [ -n "$old" ] && [ "$(cat "$root/proc/$old/comm" 2>/dev/null || true)" = dockerd ]; then
        say "dockerd runs already as process $old, waiting for it"
        pid="$old"
        return
    fi
    # dockerd refuses to start when any process at all has the number that a dead engine left here.
    rm -f "$file"
    [ ! -f "$engine_log" ] || mv -f "$engine_log" "$engine_log.1"
    (
        cd /
        close_extra_fds
        exec setsid dockerd </dev/null >"$engine_log" 2>&1
    ) &
    pid=$!
}

last_words() {
    if [ -d "$root/run/systemd/system" ]; then
        journalctl --no-pager --quiet --unit docker --lines 15 || true
    else
        tail -n 15 "$engine_log" || true
    fi >&2 2>/dev/null
}

start_engine() {
    local wait="${LABGEN_ENGINE_TIMEOUT:-60}" deadline pid=''
    say "starting the Docker engine"
    if [ -d "$root/run/systemd/system" ]; then
        bounded "$wait" systemctl start docker </dev/null >/dev/null 2>&1 9>&- || true
    else
        spawn_dockerd
    fi
    deadline=$((SECONDS + wait))
    until probe; do
        if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
            last_words
            die 3 "the Docker engine ended at once; its last log lines are above."
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            last_words
            die 3 "the Docker engine does not answer within $wait s ($cause); its last log lines are above."
        fi
        sleep 0.3
    done
    say "Docker engine $engine answers"
}

# refuse_what_root_cannot_mend: the cases where starting or installing an engine would not help.
refuse_what_root_cannot_mend() {
    [ -z "${DOCKER_HOST:-}" ] || die 3 "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST ($cause):" \
        "start it, or unset DOCKER_HOST to use this machine's own."
    local context
    context="$(docker context show 2>/dev/null || true)"
    case "$context" in
    '' | default) ;;
    *) die 3 "no Docker engine answers at the Docker context '$context' ($cause): start it, or" \
        "'docker context use default' for this machine's own." ;;
    esac
    case "$cause" in
    *"permission denied"*) die 3 "the Docker engine runs, but $(id -un) may not use it: 'sudo usermod -aG docker" \
        "$(id -un)', log in again, and run this again." ;;
    esac
    [ "$(uname -s)" = Linux ] || die 3 "no Docker engine answers ($cause): start Docker Desktop, or install it" \
        "($manual), and run this again."
    is_root && return 0
    have dockerd && die 3 "a Docker engine is installed but does not answer ($cause): start it" \
        "('sudo systemctl start docker'), or run 'make setup' once as root."
    is_debian_like && die 3 "no Docker engine is installed: run 'make setup' once as root, which installs one" \
        "from $(os_field NAME)'s packages, or install Docker $need_engine or newer yourself ($manual)."
    die 3 "no Docker engine is installed: install Docker $need_engine or newer ($manual) and run this again."
}

main() {
    if ! probe; then
        refuse_what_root_cannot_mend
        mkdir -p "$root/run" "$root/var/log"
        # Two set-ups at once: the second waits and then finds an engine that answers.
        exec 9>"$root/run/labgen-setup.lock"
        flock -w 900 9 || die 3 "another set-up of the Docker engine has not ended within 15 minutes."
        if ! probe; then
            if ! have docker || ! have dockerd || packaged_half; then
                is_debian_like || die 3 "no Docker engine is installed, and labgen installs one on Debian and" \
                    "Ubuntu only: install Docker $need_engine or newer ($manual) and run this again."
                install_engine
            fi
            hash -r
            probe || start_engine
        fi
        exec 9>&-
    fi
    check_versions
    ensure_tools
}

main
