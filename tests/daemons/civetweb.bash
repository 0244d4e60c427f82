# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# civetweb: a pool of threads, poll, sendfile
DAEMON_NEEDS=(civetweb:civetweb)

daemon_version() { debian civetweb; }

daemon_start() {
	web_pages
	web_cgi
	start_tls civetweb "$1" civetweb -listening_ports "127.0.0.1:$1" \
		-document_root "$DIR/www" -num_threads 4 -enable_keep_alive yes \
		-keep_alive_timeout_ms 10000 -cgi_pattern '**/cgi-bin/*'
}

daemon_check() {
	web_check stunnel
	web_post 1.3 /cgi-bin/echo "${WEB_BIG[1]}"
	web_post 1.2 /cgi-bin/echo "${WEB_BIG[1]}"
}
