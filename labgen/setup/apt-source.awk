# Prints the first Debian source of a file, for another suite: same mirror, same key, same options.
#
#   awk -v codename=bookworm -v suite=forky -v kind=sources|list [-v stale=1] -f apt-source.awk FILE
#
# "sources" is the deb822 form, one stanza with fields; "list" the one-line form. A source counts when it
# is active, has the component main, and is for the machine's release by code name or by one of the
# names that move (stable). Updates and security live under suite names of their own and never match.
# stale=1 accepts a mirror that was not brought up to date for weeks; its signature must hold all the same.

function has(list, wanted,    words, n, i) {
    n = split(list, words, /[ \t\n]+/)
    for (i = 1; i <= n; i++) if (words[i] == wanted) return 1
    return 0
}

function ours(list) {
    return has(list, codename) || has(list, "stable") || has(list, "oldstable") || has(list, "oldoldstable") \
        || has(list, "testing") || has(list, "unstable") || has(list, "sid")
}

# The stanza that was read so far ends here.
function stanza() {
    if (!found && has(value["types"], "deb") && ours(value["suites"]) && has(value["components"], "main") \
        && tolower(value["enabled"]) !~ /^[ \t]*(no|false|off|0)/) {
        found = 1
        printf "Types: deb\nSuites: %s\nComponents: main\n%s%s", suite, stale ? "Check-Valid-Until: no\n" : "", kept
    }
    kept = ""
    name = ""
    split("", value)
}

/^[ \t]*#/ { next }

kind == "sources" && /^[ \t]*$/ { stanza(); next }

kind == "sources" {
    if ($0 !~ /^[ \t]/) {
        name = tolower(substr($0, 1, index($0, ":") - 1))
        value[name] = substr($0, index($0, ":") + 1)
    } else {
        value[name] = value[name] "\n" $0
    }
    if (name !~ /^(types|suites|components|enabled)$/) kept = kept $0 "\n"
    next
}

kind == "list" && /^[ \t]*deb[ \t]/ && !found {
    sub(/#.*/, "")
    sub(/^[ \t]*deb[ \t]+/, "")
    options = ""
    if (match($0, /^\[[^]]*\][ \t]+/)) {
        options = substr($0, 1, RLENGTH)
        $0 = substr($0, RLENGTH + 1)
    }
    components = ""
    for (i = 3; i <= NF; i++) components = components " " $i
    if (stale) options = (options == "" ? "[" : substr(options, 1, index(options, "]") - 1) " ") "check-valid-until=no] "
    if (ours($2) && has(components, "main")) {
        found = 1
        print "deb " options $1 " " suite " main"
    }
}

END { if (kind == "sources") stanza() }
