# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# haproxy, master and worker: each reload executes the master again, and the new
# worker gets the listeners from the old one, as descriptors over a socket
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/haproxy_tcp.bash"
HAPROXY_MODE=http

daemon_start() {
	local back
	back=$(free_port)
	web_pages
	ln -s "$(random_file 8000000)" "$DIR/www/bulk"
	start back "$back" python3 -B "$TOP/tests/apps/put_server.py" "$back" \
		127.0.0.1 "$DIR/www"
	haproxy_config "$1" "$back"
	sed -i "s|^global|&\n    stats socket $DIR/haproxy.sock mode 600 expose-fd listeners|" \
		"$DIR/haproxy.conf"
	start_tls haproxy "$1" haproxy -W -f "$DIR/haproxy.conf"
}

haproxy_loads() { # N: so many workers have been started so far
	[ "$(grep -c 'Loading success' haproxy.log)" -ge "$1" ]
}

daemon_check() {
	local i
	web_check
	steps_open 1 1.3
	step 1 begin /bulk "$DIR/www/bulk"
	for i in 2 3; do
		kill -USR2 "$PID"
		wait_until 20 haproxy_loads "$i"
		web_get 1.3 "${WEB_BIG[@]}"
		web_post 1.2 / "${WEB_BIG[1]}"
	done
	step 1 finish
	steps_close 1
}
