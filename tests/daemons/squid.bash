# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# squid: one process with epoll, as proxy; CONNECT and plain requests
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/tinyproxy.bash"
DAEMON_NEEDS=(squid:squid python3:/usr/bin/python3)

daemon_version() { debian squid; }

daemon_start() {
	BACK=$(free_port)
	web_pages
	start back "$BACK" python3 -B "$TOP/tests/apps/put_server.py" "$BACK" \
		127.0.0.1 "$DIR/www"
	cat >"$DIR/squid.conf" <<-EOT
	http_port 127.0.0.1:$1
	http_access allow all
	cache deny all
	pid_filename $DIR/squid.pid
	access_log none
	cache_log $DIR/squid.cache.log
	coredump_dir $DIR
	netdb_filename none
	pinger_enable off
	shutdown_lifetime 1 second
	visible_hostname localhost
	EOT
	# -N: no second process that starts the first again
	start_tls squid "$1" squid -N -f "$DIR/squid.conf"
}
