# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# nginx, upgraded to another binary while it runs: it clears the environment of
# the new master and gives it the listener by number
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/nginx.bash"

# Old and new master take connections from one queue; then the old ones leave.
daemon_check() {
	local old
	web_get 1.2 "${WEB_SMALL[@]}"
	old=$(nginx_master)
	steps_open 3 1.3
	steps_open 4 1.3
	step 3 begin /bulk "$DIR/www/bulk"
	step 4 get "${WEB_SMALL[@]}"
	nginx_config "$port" third
	kill -USR2 "$old"
	wait_until 20 test -s "$DIR/nginx.pid.oldbin" -a -s "$DIR/nginx.pid"
	# by old workers or new ones
	web_get 1.3 "${WEB_SMALL[@]}"
	at_once web_at_once "${WEB_BIG[@]}"
	kill -WINCH "$old" # its workers leave
	step 4 end
	steps_close 4
	wait_until 20 answered_by third
	step 3 finish
	step 3 end
	steps_close 3
	kill -QUIT "$old"
	wait_gone "$old" 20
	web_check
}
