# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# varnishd: a manager and a child that becomes vcache; a thread for each
# connection that has something to say, epoll for the others
DAEMON_NEEDS=(varnish:varnishd gcc:gcc python3:/usr/bin/python3)

daemon_version() { debian varnish; }

daemon_start() {
	local back
	back=$(free_port)
	web_pages
	start back "$back" python3 -B "$TOP/tests/apps/put_server.py" "$back" \
		127.0.0.1 "$DIR/www"
	mkdir "$DIR/varnish"
	START_SECONDS=60 start_tls varnish "$1" varnishd -F -a "127.0.0.1:$1" \
		-b "127.0.0.1:$back" -n "$DIR/varnish" -s malloc,32m -T none
}

daemon_check() {
	web_check python
	web_post 1.3 / "${WEB_BIG[1]}"
	web_post 1.2 / "${WEB_BIG[1]}"
	# from the cache, on one connection
	curl_v 1.3 "https://localhost:$port/marked.txt?[1-3]" \
		"https://localhost:$port/marked.txt?[1-3]" |
		cmp - <(for i in 1 2 3 4 5 6; do cat "$DIR/www/marked.txt"; done)
}
