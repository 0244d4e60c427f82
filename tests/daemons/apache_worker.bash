# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Apache, worker: one thread accepts, another one answers; see apache_prefork.bash
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/apache_prefork.bash"
APACHE_MPM=worker
