# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# redis-server: one thread, epoll; a forked child saves a snapshot
DAEMON_NEEDS=(redis-server:redis-server redis-tools:redis-cli)
REDIS_OPTIONS=()

daemon_version() { debian redis-server; }

daemon_start() {
	marked_file
	start_tls redis "$1" redis-server --port "$1" --bind 127.0.0.1 --save '' \
		--dir "$DIR" "${REDIS_OPTIONS[@]}"
}

redis_both_ways() { # N
	tls_client redis "1.$((1 + $1))" localhost "$port" "$DIR/marked"
}

daemon_check() {
	[ "$(redis_cli 1.3 localhost "$port" -x SET "$MARKER" <"$DIR/marked")" = OK ]
	redis_get localhost "$port" 1.2 "$MARKER" "$DIR/marked"
	at_once redis_both_ways
	# somebody waits while the child saves, and is told what another one says
	redis_cli 1.3 localhost "$port" BLPOP "list-$MARKER" 30 >pushed 3>&- &
	[ "$(redis_cli 1.3 localhost "$port" BGSAVE)" = 'Background saving started' ]
	wait_until 20 saved
	redis_cli 1.3 localhost "$port" RPUSH "list-$MARKER" "item-$MARKER"
	wait_until 20 grep -q "item-$MARKER" pushed
	redis_load
	# QUIT: the server closes
	printf 'GET %s\r\nQUIT\r\n' "$MARKER" | s_client 1.2 localhost "$port" >out
	{ resp_bulk 300000 "$DIR/marked"; printf '+OK\r\n'; } | cmp - out
}

saved() {
	redis_cli 1.3 localhost "$port" INFO persistence |
		grep -c '^rdb_last_bgsave_time_sec:[0-9]'
}

# twenty connections at once; few requests, for each is a packet to capture
redis_load() {
	timeout 60 redis-benchmark --tls --cacert "$CERTS/ca.pem" -h localhost \
		-p "$port" -c 20 -n 200 -d 1000 -t set,get -q
}
