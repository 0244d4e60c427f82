# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# dovecot's pop3-login and pop3, for starttls.bats
. "$TOP/tests/daemons/dovecot.bash"
DAEMON_NEEDS+=(dovecot-pop3d:/usr/lib/dovecot/pop3)
DOVECOT_PROTOCOL=pop3
