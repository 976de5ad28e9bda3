#!/bin/sh
# test.sh — installs what is missing, builds, and runs every test. ./test.sh --help tells the rest.
#
# The last line is "N passed, N failed, N skipped", added up over all suites; the exit code is 0 only
# when nothing failed. A suite that cannot run here counts as skipped and says why.
set -u
root=$(cd "$(dirname "$0")" && pwd)
cd "$root" || exit 1
. scripts/common.sh

all_suites="rules unit docs web e2e fault browser asan tsan"
quick_suites="rules unit docs web"
usage() {
    cat <<HELP
usage: ./test.sh [--quick | --long] [--no-install] [SUITE…]

suites:
  rules    who may include whom, and what else of the house rules can be counted
  unit     C unit tests, and the fuzzers' corpora played back
  docs     the generated documents are what the binary prints; links lead somewhere
  web      the dashboard: types, and its unit tests
  e2e      the real binary between real clients and a scripted provider; a part of it once more with its
           records in PostgreSQL (--long: all)
  fault    kills, full and failing disks, databases that are damaged, locked or gone, clocks that jump:
           the books of provider, client and store must agree (about a minute; --long: half an hour)
  browser  the dashboard in Chromium
  asan     unit and a part of e2e with AddressSanitizer and UndefinedBehaviorSanitizer
  tsan     unit and a part of e2e with ThreadSanitizer
  clang    a build with clang, warnings being errors (only by name and with --long)

  --quick       $quick_suites
  --long        everything, and the slow repetitions of e2e
  --no-install  never install anything; what cannot run is skipped
HELP
}

suites=
length=normal
may_install=1
for arg in "$@"; do
    case $arg in
    --quick) length=quick ;;
    --long) length=long ;;
    --no-install) may_install= NO_INSTALL=1 && export NO_INSTALL ;;
    -h | --help) usage && exit 0 ;;
    rules | unit | docs | web | e2e | fault | browser | asan | tsan | clang) suites="$suites $arg" ;;
    *) usage >&2 && die "no such suite or option: $arg" ;;
    esac
done
if [ -z "$suites" ]; then
    case $length in
    quick) suites=$quick_suites ;;
    long) suites="$all_suites clang" ;;
    *) suites=$all_suites ;;
    esac
fi
export TEST_LENGTH=$length

logs=$root/build-logs
rm -rf "$logs" && mkdir -p "$logs" || exit 1
passed=0 failed=0 skipped=0
started=$(date +%s)

# run NAME COMMAND…: runs it in sight, and adds up what it reports. $counts_from: a file that says it
# better than its output does.
run() {
    name=$1
    shift
    say "$name"
    begun=$(date +%s)
    {
        "$@" </dev/null 2>&1
        echo $? >"$logs/$name.rc"
    } | tee "$logs/$name.log"
    rc=$(cat "$logs/$name.rc")
    # shellcheck disable=SC2046 # three numbers
    set -- $(python3 tools/count_tests "${counts_from:-$logs/$name.log}" || echo 0 0 0)
    # Nothing counted, or a bad end without a failure, is a failure of the suite itself.
    [ "$rc" -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
    [ $(($1 + $2 + $3)) -gt 0 ] || set -- 0 1 0
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$2" -eq 0 ] || failing="${failing:-} $name"
    summary="${summary:-}
$(printf '    %-14s %5d passed %3d failed %3d skipped  %4d s' "$name" "$1" "$2" "$3" $(($(date +%s) - begun)))"
    return "$rc"
}

skip() {
    say "$1: skipped: $2"
    skipped=$((skipped + 1))
    summary="${summary:-}
$(printf '    %-14s skipped: %s' "$1" "$2")"
}

# What a suite says of its failures: node:test gathers them at its end; else the end of all it says.
why_failed() {
    say "what failed in $1"
    if grep -q 'failing tests:' "$logs/$1.log"; then
        sed -n '/failing tests:/,$p' "$logs/$1.log"
    else
        tail -n 60 "$logs/$1.log"
    fi | head -n 120
}

finish() {
    for name in ${failing:-}; do
        why_failed "$name"
    done
    say "in $(($(date +%s) - started)) s; logs are in build-logs/${summary:-}"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
    exit
}

# What was to be installed and could not be is a failure, unless nothing was to be installed.
absent() {
    if [ "$may_install" ]; then broken "$@"; else skip "$@"; fi
}

broken() {
    say "$1: failed: $2"
    failed=$((failed + 1))
    summary="${summary:-}
$(printf '    %-14s failed: %s' "$1" "$2")"
}

# build_tests FOLDER [meson option…]
build_tests() {
    compile "$@" || return 1
    # A folder that was set up before cmocka was there (by run.sh) knows none of the tests that need it.
    if pkg-config --exists cmocka && ! meson introspect --dependencies "$1" | grep -q '"cmocka"'; then
        meson setup --reconfigure "$1" >&2 && ninja -C "$1" >&2
    fi
}

unit_tests() {
    if ! pkg-config --exists cmocka; then
        absent "$2" "cmocka is missing"
        return
    fi
    counts_from=$1/meson-logs/testlog.json
    rm -f "$counts_from"
    name=$2 tree=$1
    shift 2
    run "$name" meson test -C "$tree" --no-rebuild --print-errorlogs "$@"
    counts_from=
}

suite_rules() {
    run includes tools/check_includes
    run sizes tools/check_sizes
}

suite_unit() { unit_tests build unit --quiet; }

same_as_printed() {
    if build/claude-code-proxy config "$2" | diff -u "$1" -; then
        echo "1 passed, 0 failed, 0 skipped"
    else
        echo "$1 is not what 'claude-code-proxy config $2' prints"
        echo "0 passed, 1 failed, 0 skipped"
        return 1
    fi
}

suite_docs() {
    run docs-example same_as_printed config.yaml.example example
    run docs-config same_as_printed docs/config.md docs
    run docs-commands tools/check_commands build/claude-code-proxy
    run docs-links tools/check_links
}

dashboard_tests() { (cd web && npm run --silent check && npm test --silent); }
dashboard_builds() { build_web && echo "1 passed, 0 failed, 0 skipped"; }

suite_web() {
    use_node || { absent web "no Node 22.17 or later" && return; }
    npm_packages web || { absent web "its npm packages could not be installed" && return; }
    run web-build dashboard_builds
    run web dashboard_tests
}

e2e_ready() {
    use_node || { absent "$1" "no Node 22.17 or later" && return 1; }
    npm_packages tests || { absent "$1" "its npm packages could not be installed" && return 1; }
}

suite_e2e() {
    e2e_ready e2e || return
    # The real Claude Code is about 400 MB; where it cannot be had, its tests skip themselves.
    if [ "$length" != quick ]; then
        npm_packages tests/client/claude || warn "Claude Code is not installed"
    fi
    run e2e node tests/run.mjs wire e2e client
    # What the store has a part in, once more on PostgreSQL; --long: all of it.
    part="e2e/record e2e/search e2e/stats e2e/threads"
    [ "$length" != long ] || part=e2e
    # shellcheck disable=SC2086 # a list of words
    TEST_STORE=postgres run e2e-postgres node tests/run.mjs $part
}

suite_fault() {
    use_node || { absent fault "no Node 22.17 or later" && return; }
    run fault node tests/run.mjs fault
}

browser_tests() { (cd tests/browser && node --test --test-concurrency=2 --test-timeout=900000 --test-reporter=spec); }

suite_browser() {
    use_node || { absent browser "no Node 22.17 or later" && return; }
    npm_packages web && npm_packages tests/browser || {
        absent browser "its npm packages could not be installed"
        return
    }
    if dashboard_builds >/dev/null; then
        run browser browser_tests
    else
        broken browser "the dashboard does not build"
    fi
}

# Without what measures memory, which the sanitizers spend themselves.
asan_part="wire e2e/attempts e2e/cut e2e/demote e2e/disconnect e2e/export_import e2e/fallback e2e/interleaved e2e/oauth e2e/record e2e/relay e2e/reload e2e/route e2e/secrets e2e/stream"
tsan_part="e2e/disconnect e2e/oauth e2e/record e2e/reload e2e/stream"

# Compiled in two thirds of the time of -O2.
sanitized=-Doptimization=1

# shellcheck disable=SC2086 # lists of words
suite_asan() {
    build_tests build-asan $sanitized -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fno-sanitize-recover=all || { broken asan "it does not build" && return; }
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
    unit_tests build-asan asan-unit --quiet --timeout-multiplier 3
    if e2e_ready asan-e2e; then
        PROXY_BINARY=$root/build-asan/claude-code-proxy run asan-e2e node tests/run.mjs $asan_part
    fi
}

# shellcheck disable=SC2086
suite_tsan() {
    build_tests build-tsan $sanitized -Db_sanitize=thread -Db_lundef=false || {
        broken tsan "it does not build"
        return
    }
    # Some kernels place memory where ThreadSanitizer does not expect it.
    unless_random=
    if ! build-tsan/claude-code-proxy version >/dev/null 2>&1; then
        unless_random="setarch -R"
        $unless_random build-tsan/claude-code-proxy version >/dev/null 2>&1 || {
            skip tsan "ThreadSanitizer does not start on this kernel"
            return
        }
    fi
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$root/tests/tsan.supp
    # PostgreSQL's rounds start no threads of their own, and are slow under this.
    unit_tests build-tsan tsan-unit --quiet --timeout-multiplier 4 --no-suite postgres
    if e2e_ready tsan-e2e; then
        PROXY_BINARY=$root/build-tsan/claude-code-proxy run tsan-e2e $unless_random node tests/run.mjs $tsan_part
    fi
}

suite_clang() {
    has clang || { skip clang "clang is missing" && return; }
    CC=clang compile build-clang -Dwerror=true || { broken clang "it does not build without warnings" && return; }
    passed=$((passed + 1))
}

if [ "$may_install" ]; then
    # shellcheck disable=SC2046 # one more word, or none
    scripts/bootstrap.sh build web test $(case " $suites " in *" browser "*) echo browser ;; esac) || {
        broken install "not all that is needed could be installed"
        finish
    }
fi
case " $suites " in
*" unit "* | *" docs "* | *" e2e "* | *" fault "* | *" browser "*)
    build_tests build || {
        broken build "it does not compile"
        finish
    }
    ;;
esac
for suite in $suites; do
    "suite_$suite"
done
finish
