# common.sh — sourced by run.sh, test.sh and the scripts beside it: messages and the environment.
# POSIX sh. The caller has set `root` to the repository's folder and changed into it.

say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Homebrew keeps some libraries where pkg-config does not look by itself.
if [ "$(uname -s)" = Darwin ] && has brew; then
    brew_prefix=$(brew --prefix)
    for keg in openssl@3 sqlite zlib libpq; do
        if [ -d "$brew_prefix/opt/$keg/lib/pkgconfig" ]; then
            PKG_CONFIG_PATH="$brew_prefix/opt/$keg/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
        fi
    done
    export PKG_CONFIG_PATH
fi

# Puts a Node that is new enough first in PATH; false where there is none.
use_node() {
    node_path=$("$root/scripts/find-node.sh") || return 1
    case $PATH in
    "$(dirname "$node_path")":*) ;;
    *) PATH=$(dirname "$node_path"):$PATH && export PATH ;;
    esac
}

# Installs a folder's npm packages as its lock file says; nothing to do where they are there. With
# NO_INSTALL set, what is there must do.
npm_packages() {
    stamp=$1/node_modules/.installed-lock
    cmp -s "$1/package-lock.json" "$stamp" && return 0
    if [ "${NO_INSTALL:-}" ]; then
        [ -d "$1/node_modules" ]
        return
    fi
    say "installing the npm packages of $1/ (its package-lock.json says which)"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) >&2 || return 1
    cp "$1/package-lock.json" "$stamp"
}

# compile FOLDER [meson option…]: sets the build up once, then compiles what has changed; of it only
# $compile_target, where that is set.
compile() {
    build_folder=$1
    shift
    if [ ! -f "$build_folder/build.ninja" ]; then
        say "setting up $build_folder/"
        meson setup "$build_folder" "$@" >&2 || return 1
    fi
    say "compiling $build_folder/"
    ninja -C "$build_folder" ${compile_target:+"$compile_target"} >&2
}

# Builds the dashboard into web/build, where the binary takes it from; nothing to do where it is newer
# than everything it is made of.
build_web() {
    npm_packages web || return 1
    if [ -f web/build/index.html ] && [ -z "$(find web -name node_modules -prune -o -path web/build -prune \
        -o -path web/.svelte-kit -prune -o -type f -newer web/build/index.html -print)" ]; then
        return 0
    fi
    say "building the dashboard"
    (cd web && npm run --silent build) >&2
}
