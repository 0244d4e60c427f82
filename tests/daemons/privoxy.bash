# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# privoxy: a thread for each connection, poll; the client speaks TLS to its
# proxy, behind which there is a server without TLS
DAEMON_NEEDS=(privoxy:privoxy python3:/usr/bin/python3)

daemon_version() { debian privoxy; }

daemon_start() {
	web_pages
	BACK=$(free_port)
	start back "$BACK" /usr/bin/python3 -m http.server -d "$DIR/www" \
		--bind 127.0.0.1 "$BACK"
	cat >"$DIR/privoxy.conf" <<-EOT
	confdir $DIR
	logdir $DIR
	listen-address 127.0.0.1:$1
	keep-alive-timeout 60
	EOT
	start_tls privoxy "$1" privoxy --no-daemon "$DIR/privoxy.conf"
}

proxy_get() { # VERSION PATH FILE
	tcurl --proxy-cacert "$CERTS/ca.pem" --proxy "https://localhost:$port" \
		--noproxy '' "http://127.0.0.1:$BACK$2" "http://127.0.0.1:$BACK$2" |
		cmp - <(cat "$3" "$3")
}

proxy_at_once() { # N
	proxy_get 1.3 "${WEB_BIG[@]}"
}

daemon_check() {
	proxy_get 1.3 "${WEB_SMALL[@]}"
	at_once proxy_at_once
	# a request as it comes, and the end of the stream
	printf 'GET http://127.0.0.1:%d/marked.txt HTTP/1.0\r\n\r\n' "$BACK" |
		s_client 1.2 localhost "$port" >answer
	http_body <answer | cmp - "$DIR/www/marked.txt"
}
