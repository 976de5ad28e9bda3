#!/bin/sh
# postgres.sh — a throw-away PostgreSQL from the system's package, for tests.
#
#   postgres.sh start DIR   makes a database in DIR (empty or not there yet), starts its server, and
#                           prints its address
#   postgres.sh stop DIR    stops it; DIR can be removed then
#   postgres.sh halt DIR    stops it as a crash would; `resume` starts it again
#   postgres.sh standby DIR FROM  makes a copy of FROM's database in DIR that follows it, starts its server,
#                           and prints its address; `promote DIR` lets it take over
#   postgres.sh look        does nothing more than see whether there is a PostgreSQL
#   postgres.sh run COMMAND…  runs the command with the address in TEST_POSTGRES_DSN
#
# Where TEST_POSTGRES_DSN is set already, `run` uses that. Exits with 77 where there is no PostgreSQL.
# The server listens on a socket in DIR only, and does not care for power cuts.
set -eu

find_programs() {
    for bin in "$(command -v pg_ctl 2>/dev/null | sed 's|/pg_ctl$||')" \
        $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t / -k 5 -n -r) \
        /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        [ -n "$bin" ] && [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && return
    done
    echo "PostgreSQL is missing: what needs it is skipped" >&2
    exit 77
}

# The server refuses to run as root.
as_server() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"
    fi
}

run_server() {
    as_server "$bin/pg_ctl" -D "$1/data" -l "$1/server.log" -w -t 60 -s start -o "-c listen_addresses='' \
        -c unix_socket_directories='$1' -c fsync=off -c full_page_writes=off -c max_connections=300" >&2
}

start() {
    dir=$1
    mkdir -p "$dir"
    [ "$(id -u)" -ne 0 ] || chown "$(as_server id -u)" "$dir"
    cd "$dir"
    as_server "$bin/initdb" -D "$dir/data" -U tester -A trust -E UTF8 --locale=C --no-sync >"$dir.log" 2>&1 || {
        cat "$dir.log" >&2
        exit 1
    }
    run_server "$dir"
    rm -f "$dir.log"
    echo "postgresql:///postgres?host=$dir&user=tester"
}

standby() {
    dir=$1
    mkdir -p "$dir"
    [ "$(id -u)" -ne 0 ] || chown "$(as_server id -u)" "$dir"
    cd "$dir"
    backup=$bin/pg_basebackup
    [ -x "$backup" ] || backup=$(command -v pg_basebackup) || exit 77
    as_server "$backup" -D "$dir/data" -h "$2" -U tester -R -X stream -c fast --no-sync >&2
    run_server "$dir"
    echo "postgresql:///postgres?host=$dir&user=tester"
}

stop() {
    as_server "$bin/pg_ctl" -D "$1/data" -m immediate -w -s stop >&2 || true
}

find_programs
case ${1:-} in
start) start "$2" ;;
stop) stop "$2" ;;
halt) stop "$2" ;;
resume) run_server "$2" ;;
standby) standby "$2" "$3" ;;
promote) as_server "$bin/pg_ctl" -D "$2/data" -w -t 60 -s promote >&2 ;;
look) ;;
run)
    shift
    [ -z "${TEST_POSTGRES_DSN:-}" ] || exec "$@"
    dir=$(mktemp -d /tmp/test-postgres.XXXXXX)
    chmod 755 "$dir"
    trap 'stop "$dir"; rm -rf "$dir"' EXIT
    trap 'exit 130' INT TERM
    TEST_POSTGRES_DSN=$(start "$dir")
    export TEST_POSTGRES_DSN
    status=0
    "$@" || status=$?
    exit "$status"
    ;;
*) echo "usage: postgres.sh start DIR | stop DIR | halt DIR | resume DIR | standby DIR FROM | promote DIR | look | run COMMAND…" >&2 && exit 64 ;;
esac
