#!/bin/sh
# run.sh [flags of serve…] — installs what is missing, builds, and starts the proxy with its dashboard.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
cd "$root"
. scripts/common.sh

[ "${1:-}" != serve ] || shift
scripts/bootstrap.sh build web
use_node || die "no Node 22.17 or later"
build_web || die "the dashboard does not build"
compile_target=claude-code-proxy compile build || die "it does not compile"

# The first line names the address; the others give back what Claude Code turns off behind a proxy.
exports=$(build/claude-code-proxy env "$@")
address=$(printf '%s\n' "$exports" | sed -n "s/^export ANTHROPIC_BASE_URL='\(.*\)'$/\1/p")
[ -z "$address" ] || cat >&2 <<TEXT # empty: the flags ask for help

The dashboard: $address
To use Claude Code through the proxy, in another terminal:

$(printf '%s\n' "$exports" | sed 's/^/    /')
    claude

TEXT
exec build/claude-code-proxy serve "$@"
