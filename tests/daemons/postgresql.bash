# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# postgres: a process for each connection; it must not be started by root. Its
# own TLS is negotiated inside its protocol, so the client gets to it through a
# tunnel.
DAEMON_NEEDS=(postgresql-15:/usr/lib/postgresql/15/bin/postgres
	postgresql-client-15:/usr/lib/postgresql/15/bin/psql stunnel4:stunnel4)
POSTGRESQL=/usr/lib/postgresql/15/bin

daemon_version() { debian postgresql-15; }

daemon_start() {
	mkdir "$DIR/db"
	chown nobody "$DIR/db"
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		"$POSTGRESQL/initdb" -D "$DIR/db" -U someone -A trust -N \
		--no-instructions --locale=C.UTF-8 >initdb.log 2>&1
	START_SECONDS=60 start postgres "$1" as_user nobody "$DIR/db" \
		"$POSTGRESQL/postgres" -D "$DIR/db" -p "$1" -F \
		-c listen_addresses=127.0.0.1 -c "unix_socket_directories=$DIR/db" \
		-c shared_buffers=4MB -c max_wal_size=64MB
	# until then clients are refused
	wait_until 60 grep -q 'ready to accept connections' postgres.log
}

sql() { # ARG... <STATEMENTS
	timeout 60 "$POSTGRESQL/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
		"host=127.0.0.1 port=$TUNNEL user=someone dbname=postgres sslmode=disable" \
		"$@"
}

sql_get() { # N
	sql -c "SELECT t FROM t WHERE i = $1" | cmp - <(cat marked; echo)
}

daemon_check() {
	marked_file
	tunnel 1.3
	{
		echo "CREATE TABLE t (i int, t text);"
		for i in 1 2; do
			printf "INSERT INTO t VALUES (%d, '%s');\n" "$i" \
				"$(cat marked)"
		done
	} | sql
	at_once sql_get
	tunnel 1.2
	[ "$(sql -c "SELECT '$MARKER', COUNT(*) FROM t")" = "$MARKER|2" ]
	at_once sql_get
}

daemon_stop() {
	kill -INT "$(head -n 1 "$DIR/db/postmaster.pid")"
	default_stop
}
