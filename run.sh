#!/bin/sh
# run.sh [serve options…] — installs what is missing, builds, and starts the proxy with its dashboard.
set -eu
root=$(cd "$(dirname "$0")" && pwd)
cd "$root"
. scripts/common.sh

scripts/bootstrap.sh build web
use_node || die "no Node 22.17 or later"
build_web || die "the dashboard does not build"
compile build || die "it does not compile"

port=${PORT:-3001}
was=
for arg in "$@"; do
    case $was:$arg in
    --port:*) port=$arg ;;
    *:--port=*) port=${arg#--port=} ;;
    esac
    was=$arg
done
cat >&2 <<EOT

To use Claude Code through it, in another terminal:
    export ANTHROPIC_BASE_URL=http://localhost:$port
    claude

EOT
exec build/claude-code-proxy serve "$@"
