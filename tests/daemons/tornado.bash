# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Tornado: asyncio's own loop, epoll
DAEMON_NEEDS=(python3-tornado:/usr/lib/python3/dist-packages/tornado/__init__.py)

daemon_version() { debian python3-tornado; }

daemon_start() {
	web_pages
	cat >"$DIR/app.py" <<-EOT
	import asyncio
	import sys
	import tornado.web


	class Echo(tornado.web.RequestHandler):
	    def post(self):
	        self.write(self.request.body)


	async def main():
	    tornado.web.Application([
	        ("/echo", Echo),
	        ("/(.*)", tornado.web.StaticFileHandler, {"path": sys.argv[2]}),
	    ]).listen(int(sys.argv[1]), "127.0.0.1")
	    await asyncio.Event().wait()

	asyncio.run(main())
	EOT
	start_tls tornado "$1" /usr/bin/python3 -B app.py "$1" "$DIR/www"
}

daemon_check() {
	web_check stunnel
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
