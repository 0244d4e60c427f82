# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# php-fpm: FastCGI over TCP, children that accept in turn and are www-data
DAEMON_NEEDS=(php-fpm:php-fpm8.2 libfcgi-bin:cgi-fcgi socat:socat)

daemon_version() { debian php8.2-fpm; }

daemon_start() {
	web_pages
	# shellcheck disable=SC2016 # PHP's own variables
	echo '<?php if ($_SERVER["REQUEST_METHOD"] == "POST") readfile("php://input");
		else readfile($_SERVER["DOCUMENT_ROOT"] . $_SERVER["QUERY_STRING"]);' \
		>"$DIR/www/page.php"
	cat >"$DIR/fpm.conf" <<-EOT
	[global]
	error_log = $DIR/fpm.error.log
	daemonize = no
	[www]
	user = www-data
	group = www-data
	listen = 127.0.0.1:$1
	pm = static
	pm.max_children = 2
	EOT
	start_tls fpm "$1" php-fpm8.2 -n -F -y "$DIR/fpm.conf"
}

# cgi-fcgi is the client; socat has the TLS for it, a connection each
fcgi_tunnel() { # VERSION: sets TUNNEL
	TUNNEL=$(free_port)
	start "tunnel.$1" "$TUNNEL" socat "TCP-LISTEN:$TUNNEL,bind=127.0.0.1,fork,reuseaddr" \
		"OPENSSL:localhost:$port,cafile=$CERTS/ca.pem,openssl-min-proto-version=TLS$1,openssl-max-proto-version=TLS$1"
}

fcgi() { # METHOD QUERY BYTES <BODY
	env SCRIPT_FILENAME="$DIR/www/page.php" DOCUMENT_ROOT="$DIR/www" \
		REQUEST_METHOD="$1" QUERY_STRING="$2" CONTENT_TYPE=x/x \
		CONTENT_LENGTH="$3" \
		timeout 60 cgi-fcgi -bind -connect "127.0.0.1:$TUNNEL"
}

fcgi_get() { # N
	fcgi GET /marked.txt 0 </dev/null | web_answer "$DIR/marked"
}

daemon_check() {
	local v
	for v in 1.3 1.2; do
		fcgi_tunnel "$v"
		fcgi GET /index.txt 0 </dev/null | web_answer "$DIR/www/index.txt"
		at_once fcgi_get
		fcgi POST '' 300000 <"$DIR/www/marked.txt" | web_answer "$DIR/marked"
	done
}
