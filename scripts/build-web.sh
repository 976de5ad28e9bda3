#!/bin/sh
# build-web.sh MODE OUT.c — builds the dashboard where it has changed, and embeds it (tools/embed).
#
# MODE is Meson's option `web`: enabled (it must succeed), auto (what cannot be built is left out, and
# a page that says so embedded instead), disabled (always that page).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mode=$1
out=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
cd "$root"
. scripts/common.sh

built=web/build
case $mode in
disabled) built=/nonexistent ;;
enabled)
    use_node || die "the dashboard needs Node 22.17 or later (scripts/find-node.sh --install)"
    build_web || die "the dashboard does not build"
    ;;
auto)
    if [ -f web/package.json ] && use_node && has npm; then
        build_web || warn "the dashboard does not build; it is left out or out of date"
    fi
    ;;
*) die "unknown mode: $mode" ;;
esac
exec tools/embed "$built" "$out"
