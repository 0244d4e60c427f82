# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# uWSGI: a master and two processes that accept under a lock, as www-data
DAEMON_NEEDS=(uwsgi-core:uwsgi
	uwsgi-plugin-python3:/usr/lib/uwsgi/plugins/python3_plugin.so)

daemon_version() { debian uwsgi-core; }

daemon_start() {
	web_pages
	cp "$TOP/tests/apps/wsgi_app.py" "$DIR"
	key_for www-data
	WWW=$DIR/www start_tls uwsgi "$1" uwsgi --http-socket "127.0.0.1:$1" \
		--plugin python3 --master --processes 2 --die-on-term \
		--uid www-data --gid www-data --wsgi-file "$DIR/wsgi_app.py"
}

daemon_check() {
	web_check halfclose
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
