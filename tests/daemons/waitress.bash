# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# waitress: one thread with select, others that answer
DAEMON_NEEDS=(python3-waitress:waitress-serve)

daemon_version() { debian python3-waitress; }

daemon_start() {
	web_pages
	cp "$TOP/tests/apps/wsgi_app.py" "$DIR"
	WWW=$DIR/www start_tls waitress "$1" waitress-serve \
		--listen="127.0.0.1:$1" wsgi_app:application
}

daemon_check() {
	web_check gnutls
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
