# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# mariadbd: a thread for each connection, the server speaks first. Its own TLS is
# negotiated inside its protocol, so the client gets to it through a tunnel.
DAEMON_NEEDS=(mariadb-server-core:mariadbd mariadb-client-core:mariadb
	stunnel4:stunnel4)

daemon_version() { debian mariadb-server-core; }

# Without the tables of its own, which take it long to make: nobody has a
# password then.
daemon_start() {
	key_for nobody
	mkdir "$DIR/db"
	chown nobody "$DIR/db"
	START_SECONDS=60 start_tls mariadb "$1" mariadbd --no-defaults \
		--skip-grant-tables --user=nobody --datadir="$DIR/db" --tmpdir="$DIR/db" \
		--bind-address=127.0.0.1 --port="$1" --skip-networking=0 \
		--socket="$DIR/db/socket" --pid-file="$DIR/db/pid" \
		--innodb-buffer-pool-size=8M --innodb-log-file-size=4M \
		--innodb-fast-shutdown=2 --innodb-use-native-aio=0 \
		--aria-log-file-size=8M --performance-schema=0
}

sql() { # ARG... <STATEMENTS
	timeout 60 mariadb --no-defaults --skip-ssl -h 127.0.0.1 -P "$TUNNEL" \
		-u root --batch --raw -N "$@"
}

sql_get() { # N
	sql -e "SELECT t FROM test.t WHERE i = $1" | cmp - <(cat marked; echo)
}

daemon_check() {
	marked_file
	tunnel 1.3
	{
		echo "CREATE DATABASE test; CREATE TABLE test.t (i INT, t LONGTEXT);"
		for i in 1 2; do
			printf 'INSERT INTO test.t VALUES (%d, "%s");\n' "$i" \
				"$(cat marked)"
		done
	} | sql
	at_once sql_get
	tunnel 1.2
	[ "$(sql -e "SELECT '$MARKER', COUNT(*) FROM test.t")" = "$MARKER	2" ]
	at_once sql_get
}
