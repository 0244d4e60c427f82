# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# systemd-socket-activate: beanstalkd inherits the listening socket, as 3
. "$TOP/tests/daemons/beanstalkd.bash"
DAEMON_NEEDS+=(systemd:systemd-socket-activate)

daemon_version() { debian systemd; }

daemon_start() {
	start_tls activate "$1" systemd-socket-activate -l "127.0.0.1:$1" \
		/usr/bin/beanstalkd -z 400000
}
