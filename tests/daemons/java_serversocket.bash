# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# The JVM, java.net.ServerSocket: a thread for each connection; it polls and
# reads without blocking under its blocking calls
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/java_nio.bash"
JAVA_APP=SocketServerApp
