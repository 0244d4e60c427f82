# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# mpd: one thread with epoll; it asks who is on the other side
DAEMON_NEEDS=(mpd:mpd mpc:mpc stunnel4:stunnel4)

daemon_version() { debian mpd; }

daemon_start() {
	mkdir "$DIR/lists"
	for i in {1000..3999}; do
		echo "http://127.0.0.1/$MARKER/$i.ogg"
	done >"$DIR/lists/big.m3u"
	sed 's/^/file: /' "$DIR/lists/big.m3u" >listed
	cat >"$DIR/mpd.conf" <<-EOT
	playlist_directory "$DIR/lists"
	bind_to_address "127.0.0.1"
	port "$1"
	log_file "$DIR/mpd.out"
	audio_output {
		type "null"
		name "nothing"
	}
	EOT
	start_tls mpd "$1" mpd --no-daemon "$DIR/mpd.conf"
}

mpd_list() { # N
	talk "1.$((1 + $1))" <<-EOT
	expect OK MPD
	send listplaylist big
	until OK$ listed
	send add "http://127.0.0.1/one-$MARKER.ogg"
	expect OK
	send close
	eof
	EOT
}

daemon_check() {
	mpd_list 1
	at_once mpd_list
	tunnel 1.3
	MPD_HOST=127.0.0.1 MPD_PORT=$TUNNEL timeout 60 mpc playlist >queue
	[ "$(grep -cx "http://127.0.0.1/one-$MARKER.ogg" queue)" -eq 3 ]
}
