# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Ruby, WEBrick: a thread for each connection, ppoll, copy_stream
DAEMON_NEEDS=(ruby:ruby ruby-webrick:/usr/share/doc/ruby-webrick)

daemon_version() { debian ruby-webrick; }

daemon_start() {
	web_pages
	cat >"$DIR/app.rb" <<-EOT
	require 'webrick'
	server = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1',
	  Port: ARGV[0], DocumentRoot: ARGV[1])
	server.mount_proc('/echo') { |request, answer| answer.body = request.body }
	trap('TERM') { server.shutdown }
	server.start
	EOT
	start_tls webrick "$1" ruby app.rb "$1" "$DIR/www"
}

daemon_check() {
	web_check halfclose
	web_late_close 1.2 "${WEB_BIG[@]}"
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
