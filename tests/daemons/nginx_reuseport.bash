# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# nginx with a listener of its own for each worker, SO_REUSEPORT
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/nginx.bash"
NGINX_LISTEN=' reuseport'
