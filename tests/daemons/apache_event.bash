# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Apache, event: idle connections wait in epoll; see apache_prefork.bash
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/apache_prefork.bash"
APACHE_MPM=event
