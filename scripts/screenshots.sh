#!/bin/sh
# screenshots.sh — takes the pictures of docs/screenshots: the dashboard, with made-up requests, in Chromium.
# Needs what the browser tests need (./test.sh browser).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/common.sh
use_node || die "no Node 22.17 or later"
npm_packages web && npm_packages tests/browser && build_web
exec node scripts/screenshots.mjs
