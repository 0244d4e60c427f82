# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Erlang, inets httpd: its own epoll loop, which knows the socket before listen
DAEMON_NEEDS=(erlang-base:erl erlang-inets:/usr/share/doc/erlang-inets)

daemon_version() { debian erlang-base; }

daemon_start() {
	web_pages
	cat >"$DIR/httpd.conf" <<-EOT
	[{port, $1}, {bind_address, {127,0,0,1}}, {server_name, "localhost"},
	 {server_root, "$DIR"}, {document_root, "$DIR/www"},
	 {modules, [mod_alias, mod_get, mod_head]}].
	EOT
	HOME=$DIR START_SECONDS=60 start_tls erlang "$1" erl -noinput -eval \
		'inets:start(), {ok, _} = inets:start(httpd, [{proplist_file, "httpd.conf"}])'
}

daemon_check() {
	web_check gnutls
}
