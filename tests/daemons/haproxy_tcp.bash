# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# haproxy, mode tcp: spliced through pipes in both directions
DAEMON_NEEDS=(haproxy:haproxy python3:/usr/bin/python3)
HAPROXY_MODE=tcp

daemon_version() { debian haproxy; }

haproxy_config() { # PORT BACKEND
	cat >"$DIR/haproxy.conf" <<-EOT
	global
	    maxconn 100
	    user haproxy
	    group haproxy
	defaults
	    mode $HAPROXY_MODE
	    option splice-auto
	    option splice-request
	    option splice-response
	    timeout connect 20s
	    timeout client 60s
	    timeout server 60s
	listen web
	    bind 127.0.0.1:$1
	    server back 127.0.0.1:$2
	EOT
}

daemon_start() {
	local back
	back=$(free_port)
	web_pages
	# takes uploads, too; not under the shim
	start back "$back" python3 -B "$TOP/tests/apps/put_server.py" "$back" \
		127.0.0.1 "$DIR/www"
	haproxy_config "$1" "$back"
	start_tls haproxy "$1" haproxy -db -f "$DIR/haproxy.conf"
}

daemon_check() {
	web_check stunnel
	web_post 1.3 / "${WEB_BIG[1]}"
	web_post 1.2 / "${WEB_BIG[1]}"
}
