#!/bin/sh
# screenshots.sh — takes the pictures of docs/screenshots: the real Claude Code through the real proxy, and the
# dashboard in Chromium. Needs a build with the dashboard (./run.sh) and what the tests need (./test.sh e2e browser).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/common.sh
use_node || die "no Node 22.17 or later"
npm_packages tests/browser && npm_packages tests/client/claude
exec node scripts/screenshots.mjs
