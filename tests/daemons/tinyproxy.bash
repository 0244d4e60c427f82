# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# tinyproxy: a thread for each connection, MSG_PEEK; CONNECT and plain requests
DAEMON_NEEDS=(tinyproxy:tinyproxy python3:/usr/bin/python3)

daemon_version() { debian tinyproxy-bin; }

daemon_start() {
	BACK=$(free_port)
	web_pages
	start back "$BACK" python3 -B "$TOP/tests/apps/put_server.py" "$BACK" \
		127.0.0.1 "$DIR/www"
	cat >"$DIR/tinyproxy.conf" <<-EOT
	User nobody
	Group nogroup
	Port $1
	Listen 127.0.0.1
	Timeout 60
	LogLevel Notice
	MaxClients 20
	EOT
	start_tls tinyproxy "$1" tinyproxy -d -c "$DIR/tinyproxy.conf"
}

# by_proxy ARG...: curl, with TLS to the proxy only
by_proxy() {
	curl -sS --fail --max-time 60 --proxy "https://localhost:$port" \
		--proxy-cacert "$CERTS/ca.pem" -H Expect: "$@"
}

proxy_get() { # N
	by_proxy -o "out.$1" "http://127.0.0.1:$BACK/marked.txt" || return 1
	cmp "out.$1" "$DIR/www/marked.txt"
}

daemon_check() {
	local url=http://127.0.0.1:$BACK
	by_proxy "$url/index.txt" | cmp - "$DIR/www/index.txt"
	at_once proxy_get
	by_proxy --data-binary "@$DIR/www/marked.txt" "$url/" |
		cmp - "$DIR/www/marked.txt"
	# a tunnel, both ways
	by_proxy -p --data-binary "@$DIR/www/marked.txt" "$url/" |
		cmp - "$DIR/www/marked.txt"
	web_close 1.2 "$url/marked.txt" "$DIR/www/marked.txt"
	web_gnutls 1.3 "$url/index.txt" "$DIR/www/index.txt"
}
