# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# memcached: threads with a libevent loop each, sendmsg; becomes nobody
DAEMON_NEEDS=(memcached:memcached)

daemon_version() { debian memcached; }

daemon_start() {
	key_for nobody
	start_tls memcached "$1" memcached -u nobody -l 127.0.0.1 -p "$1" -U 0 -t 2
}

memcached_talk() { # VERSION: the server closes
	s_client "$1" localhost "$port" | tr -d '\r'
}

# up and down on one connection
memcached_both_ways() { # N
	{
		printf 'set key%d 0 0 300000\r\n' "$1"
		cat "$DIR/marked"
		printf '\r\nget key%d\r\nquit\r\n' "$1"
	} | memcached_talk "1.$((1 + $1))" | cmp - <(
		printf 'STORED\nVALUE key%d 0 300000\n' "$1"
		cat "$DIR/marked"
		printf '\nEND\n'
	)
}

daemon_check() {
	marked_file
	memcached_both_ways 1
	memcached_both_ways 2
	at_once memcached_both_ways
	[ "$(printf 'incr x 1\r\nset x 0 0 1\r\n4\r\nincr x 3\r\nquit\r\n' |
		memcached_talk 1.3)" = $'NOT_FOUND\nSTORED\n7' ]
}
