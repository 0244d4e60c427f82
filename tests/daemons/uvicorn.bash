# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# uvicorn on uvloop: libuv, which calls the kernel for close by itself
DAEMON_NEEDS=(uvicorn:uvicorn
	python3-uvloop:/usr/lib/python3/dist-packages/uvloop/__init__.py)

daemon_version() { debian python3-uvicorn; }

daemon_start() {
	web_pages
	cp "$TOP/tests/apps/asgi_app.py" "$DIR"
	WWW=$DIR/www start_tls uvicorn "$1" uvicorn --loop uvloop --http h11 \
		--host 127.0.0.1 --port "$1" asgi_app:application
}

daemon_check() {
	web_check python
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
