# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# haproxy, mode http: see haproxy_tcp.bash
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/haproxy_tcp.bash"
HAPROXY_MODE=http
