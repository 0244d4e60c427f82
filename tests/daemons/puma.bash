# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Ruby, puma: two forked workers with threads, a reactor thread, TCP_INFO
DAEMON_NEEDS=(puma:puma)

daemon_version() { debian puma; }

daemon_start() {
	web_pages
	cat >"$DIR/config.ru" <<-'EOT'
	run lambda { |env|
	  body = if env['REQUEST_METHOD'] == 'POST'
	    env['rack.input'].read
	  else
	    File.binread(ENV['WWW'] + env['PATH_INFO'])
	  end
	  [200, {'Content-Type' => 'text/plain'}, [body]]
	}
	EOT
	WWW=$DIR/www START_SECONDS=60 start_tls puma "$1" puma -e production \
		-w 2 -t 2:2 -b "tcp://127.0.0.1:$1" config.ru
	wait_until 60 puma_ready
}

puma_ready() {
	[ "$(grep -c '^\[[0-9]*\] - Worker [0-9] .*booted' puma.log)" -eq 2 ]
}

daemon_check() {
	web_check python
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
