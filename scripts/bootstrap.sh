#!/bin/sh
# bootstrap.sh [--check] GROUP… — installs what a group of jobs needs and this machine lacks.
#
# Groups: build (compiler and libraries), web (Node and npm), test, browser, bench. It looks for each thing
# itself (a command, a library), not for a package, so what came another way counts too. Nothing
# missing: it says nothing, asks no package manager and needs no rights. Otherwise it says what it
# installs, then does it as root or through sudo, which may ask for a password where there is a
# terminal to ask at, but not for what is only wanted. --check only lists.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/common.sh

# group | what must be there | its package for: apt | dnf | pacman | apk | brew
#   cmd:a,b   one of these commands      pc:name   a library with its headers
#   a trailing ? on the group: wanted, but its absence only means that something is skipped
#   - no such package, or part of another one
table='
build  cmd:cc          gcc             gcc               gcc        gcc           -
build  file:libc       libc6-dev       glibc-devel       glibc      musl-dev      -
build  cmd:meson       meson           meson             meson      meson         meson
build  cmd:ninja       ninja-build     ninja-build       ninja      samurai       ninja
build  cmd:pkg-config  pkg-config      pkgconf-pkg-config pkgconf   pkgconf       pkgconf
build  cmd:python3     python3         python3           python     python3       python3
build  pc:libuv        libuv1-dev      libuv-devel       libuv      libuv-dev     libuv
build  pc:libllhttp    libllhttp-dev   llhttp-devel      llhttp     llhttp-dev    llhttp
build  pc:yyjson       libyyjson-dev   yyjson-devel      yyjson     yyjson-dev    yyjson
build  pc:openssl      libssl-dev      openssl-devel     openssl    openssl-dev   openssl@3
build  pc:yaml-0.1    libyaml-dev     libyaml-devel     libyaml    yaml-dev      libyaml
build  pc:sqlite3      libsqlite3-dev  sqlite-devel      sqlite     sqlite-dev    sqlite
build? pc:libpq        libpq-dev       libpq-devel       postgresql-libs libpq-dev libpq
build  pc:libzstd      libzstd-dev     libzstd-devel     zstd       zstd-dev      zstd
build  pc:libxxhash    libxxhash-dev   xxhash-devel      xxhash     xxhash-dev    xxhash
build  pc:zlib         zlib1g-dev      zlib-devel        zlib       zlib-dev      zlib
build  pc:libbrotlidec libbrotli-dev   brotli-devel      brotli     brotli-dev    brotli
web    cmd:node        nodejs          nodejs            nodejs     nodejs        node
web    cmd:npm         npm             nodejs-npm        npm        npm           node
web    file:ca         ca-certificates ca-certificates   ca-certificates ca-certificates -
test   pc:cmocka       libcmocka-dev   libcmocka-devel   cmocka     cmocka-dev    cmocka
test?  file:postgres   postgresql      postgresql-server postgresql postgresql    postgresql
test?  file:sanitizers -               libasan+libubsan+libtsan -   -             -
browser? cmd:chromium,chromium-browser,google-chrome chromium chromium chromium chromium -
bench  cmd:nginx       nginx-light     nginx             nginx      nginx         nginx
bench  cmd:haproxy     haproxy         haproxy           haproxy    haproxy       haproxy
bench? cmd:strace      strace          strace            strace     strace        -
bench? cmd:valgrind    valgrind        valgrind          valgrind   valgrind      -
'

check_only=
[ "${1:-}" != --check ] || {
    check_only=1
    shift
}
[ $# -gt 0 ] || die "usage: scripts/bootstrap.sh [--check] build|web|test|browser|bench …"
groups=" $* "
for group in "$@"; do
    case $group in build | web | test | browser | bench) ;; *) die "no such group: $group" ;; esac
done

manager=
for name in apt-get dnf pacman apk brew; do
    if has "$name"; then
        manager=$name
        break
    fi
done

sanitizers_link() {
    scratch=$(mktemp -d)
    echo 'int main(void){return 0;}' >"$scratch/a.c"
    rc=0
    for kind in address,undefined thread; do
        cc -fsanitize=$kind -o "$scratch/a" "$scratch/a.c" 2>/dev/null || rc=1
    done
    rm -rf "$scratch"
    return $rc
}

is_there() {
    case $1 in
    cmd:*)
        names=${1#cmd:}
        while [ -n "$names" ]; do
            has "${names%%,*}" && return 0
            case $names in *,*) names=${names#*,} ;; *) names= ;; esac
        done
        # A browser of macOS is no command.
        case $1 in *chromium*) [ -d "/Applications/Google Chrome.app" ] || [ -d /Applications/Chromium.app ] ;; *) false ;; esac
        ;;
    pc:*) has pkg-config && pkg-config --exists "${1#pc:}" ;;
    file:libc) [ "$(uname -s)" = Darwin ] || [ -f /usr/include/stdio.h ] ;;
    file:ca) [ "$(uname -s)" = Darwin ] || [ -f /etc/ssl/certs/ca-certificates.crt ] ||
        [ -f /etc/pki/tls/certs/ca-bundle.crt ] || [ -f /etc/ssl/cert.pem ] ;;
    file:postgres) has initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
    file:sanitizers) has cc && sanitizers_link ;;
    esac
}

required=
optional=
unknown=
while read -r group probe apt dnf pacman apk brew; do
    [ -n "$group" ] || continue
    case $groups in *" ${group%\?} "*) ;; *) continue ;; esac
    is_there "$probe" && continue
    case $manager in
    apt-get) package=$apt ;; dnf) package=$dnf ;; pacman) package=$pacman ;;
    apk) package=$apk ;; brew) package=$brew ;; *) package=- ;;
    esac
    case $group:$package in
    *\?:-) ;;
    *:-) unknown="$unknown ${probe#*:}" ;;
    *\?:*) optional="$optional $(echo "$package" | tr + ' ')" ;;
    *) required="$required $(echo "$package" | tr + ' ')" ;;
    esac
done <<TABLE
$table
TABLE

if [ "$unknown" ] && [ "$(uname -s)" = Darwin ]; then
    die "missing:$unknown. Run 'xcode-select --install' first."
elif [ "$unknown" ]; then
    die "missing:$unknown, and no package manager I know (apt, dnf, pacman, apk, brew) to get it from"
fi

if [ "$check_only" ]; then
    [ -z "$required$optional" ] || printf '%s\n' $required $optional
    exit 0
fi

as_root=
if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi
may_install() {
    [ -z "$as_root" ] || { has sudo && sudo -n true 2>/dev/null; }
}
may_ask() {
    has sudo && [ -t 0 ] && [ -t 2 ] && sudo -v && as_root=sudo
}

# Debian 12 and Ubuntu 24.04 lack libllhttp and libyyjson; Debian 13's run on them. Only these two are
# taken from there: everything else of Debian 13 is pinned below what is installed.
has_candidate() {
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

# Prints "URI<tab>keyring" of the source this machine takes its own release from, in either format.
own_debian_source() {
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && awk -v suite="$1" '
            function flush() {
                if (types ~ /(^| )deb( |$)/ && index(" " suites " ", " " suite " ")) {
                    split(uris, u, " "); print u[1] "\t" key; types = ""; exit
                }
                types = suites = uris = key = ""
            }
            /^#/ { next }
            /^[ \t]*$/ { flush(); next }
            { name = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
            name == "types:" { types = value }
            name == "suites:" { suites = value }
            name == "uris:" { uris = value }
            name == "signed-by:" && value ~ /^\// { key = value }
            name == "enabled:" && value == "no" { types = "" }
            END { flush() }' "$file"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && awk -v suite="$1" '
            $1 != "deb" { next }
            {
                key = ""; at = 2
                if ($2 ~ /^\[/) {
                    for (; at <= NF; at++) {
                        option = $at; gsub(/[][]/, "", option)
                        if (option ~ /^signed-by=\//) key = substr(option, 11)
                        if ($at ~ /\]$/) { at++; break }
                    }
                }
                if ($at !~ /^cdrom/ && $(at + 1) == suite) { print $at "\t" key; exit }
            }' "$file"
    done
}

take_two_from_trixie() { # NAME of this machine's own release, where it is a Debian
    source_line=$([ -z "$1" ] || own_debian_source "$1" | head -n 1)
    uri=$(printf '%s' "$source_line" | cut -f 1)
    key=$(printf '%s' "$source_line" | cut -f 2)
    : "${uri:=http://deb.debian.org/debian}"
    : "${key:=/usr/share/keyrings/debian-archive-keyring.gpg}"
    say "adding Debian 13 as a source for libllhttp and libyyjson only (two files in /etc/apt, named claude-code-proxy-trixie)"
    scratch=$(mktemp -d)
    cat >"$scratch/sources" <<SOURCE
Types: deb
URIs: $uri
Suites: trixie
Components: main
Signed-By: $key
SOURCE
    cat >"$scratch/pin" <<'PIN'
Package: *
Pin: release n=trixie
Pin-Priority: -10

Package: libyyjson* libllhttp*
Pin: release n=trixie
Pin-Priority: 500
PIN
    # The pin first: were this cut short, no other package could come from Debian 13.
    $as_root install -m 644 "$scratch/pin" /etc/apt/preferences.d/claude-code-proxy-trixie
    $as_root install -m 644 "$scratch/sources" /etc/apt/sources.list.d/claude-code-proxy-trixie.sources
    rm -rf "$scratch"
    $as_root apt-get update -q >&2
}

apt_prepare() {
    $as_root apt-get update -q >&2 || warn "apt-get update had errors; going on with what is known"
    for package in libllhttp-dev libyyjson-dev; do
        case " $required " in *" $package "*) ;; *) continue ;; esac
        has_candidate "$package" && continue
        . /etc/os-release
        case ${ID:-}:${VERSION_CODENAME:-} in
        debian:bookworm) take_two_from_trixie bookworm ;;
        ubuntu:noble)
            say "installing with apt-get: debian-archive-keyring"
            install_packages debian-archive-keyring || die "debian-archive-keyring is needed to trust Debian's packages; is 'universe' enabled?"
            take_two_from_trixie ""
            ;;
        *) die "${PRETTY_NAME:-this system} has no package $package (Debian 12, Ubuntu 24.04 and what came later have it, or can take it from Debian 13). Install the library so that pkg-config finds it, and run this again." ;;
        esac
    done
}

install_packages() {
    case $manager in
    apt-get) $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2 ;;
    dnf) $as_root dnf install -q -y "$@" >&2 ;;
    pacman) $as_root pacman -S --needed --noconfirm "$@" >&2 ;;
    apk) $as_root apk add --no-progress "$@" >&2 ;;
    brew) HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_ENV_HINTS=1 brew install -q "$@" >&2 ;;
    esac
}

# Debian's package would start a server at once: the tests start their own, and stop it.
no_server_of_its_own() {
    [ "$manager" = apt-get ] && [ ! -e /etc/postgresql-common/createcluster.conf ] || return 0
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
}

if [ "$required" ]; then
    say "installing with $manager:$required"
    may_install || may_ask ||
        die "that needs root. Run 'scripts/bootstrap.sh $*' as root once, or install the above yourself; then run this again."
    [ "$manager" != apt-get ] || apt_prepare
    # shellcheck disable=SC2086 # a list of words
    install_packages $required || die "$manager could not install:$required"
fi
if [ "$optional" ]; then
    if may_install; then
        say "installing with $manager (optional):$optional"
        [ "$manager" != apt-get ] || [ "$required" ] || $as_root apt-get update -q >&2 || true
        for package in $optional; do
            [ "$package" != postgresql ] || no_server_of_its_own
            install_packages "$package" || warn "$package is not to be had here; what needs it is skipped"
        done
    else
        warn "not installed, for want of root:$optional; what needs it is skipped"
    fi
fi

case $groups in
*" build "*)
    # An old Meson cannot read our build files.
    meson_version=$(meson --version)
    [ "${meson_version%%.*}" -ge 1 ] || die "Meson $meson_version is too old: 1.0 or later is needed (Debian 12, Ubuntu 24.04 and later have it)"
    ;;
esac
case $groups in
*" web "*) scripts/find-node.sh --install >/dev/null ;;
esac
