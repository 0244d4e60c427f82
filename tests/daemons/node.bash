# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Node.js, its own http: libuv, and an OpenSSL of its own in the program
DAEMON_NEEDS=(nodejs:node)

daemon_version() { debian nodejs; }

daemon_start() {
	web_pages
	start_tls node "$1" node "$TOP/tests/apps/http_server.js" "$1" "$DIR/www"
}

daemon_check() {
	web_check gnutls
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
