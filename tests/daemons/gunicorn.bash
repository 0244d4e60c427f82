# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# gunicorn: sync workers, forked after listen; SIGHUP replaces them
DAEMON_NEEDS=(gunicorn:gunicorn)

daemon_version() { debian gunicorn; }

daemon_start() {
	web_pages
	cp "$TOP/tests/apps/wsgi_app.py" "$DIR"
	WWW=$DIR/www start_tls gunicorn "$1" gunicorn -w 2 --no-sendfile \
		--worker-tmp-dir "$DIR" -b "127.0.0.1:$1" wsgi_app:application
}

gunicorn_workers() { # N: so many have been started so far
	[ "$(grep -c 'Booting worker' gunicorn.log)" -ge "$1" ]
}

daemon_check() {
	web_check halfclose
	web_late_close 1.3 "${WEB_BIG[@]}"
	web_post 1.3 /echo "${WEB_BIG[1]}"
	kill -HUP "$PID"
	wait_until 20 gunicorn_workers 4
	web_get 1.3 "${WEB_BIG[@]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
