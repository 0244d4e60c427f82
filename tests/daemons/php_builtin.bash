# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# php -S: select, non-blocking sockets
DAEMON_NEEDS=(php-cli:php)

daemon_version() { debian php8.2-cli; }

daemon_start() {
	web_pages
	echo '<?php readfile("php://input");' >"$DIR/www/echo.php"
	start_tls php "$1" php -n -S "127.0.0.1:$1" -t "$DIR/www"
}

daemon_check() {
	web_check gnutls
	web_post 1.3 /echo.php "${WEB_BIG[1]}"
	web_post 1.2 /echo.php "${WEB_BIG[1]}"
}
