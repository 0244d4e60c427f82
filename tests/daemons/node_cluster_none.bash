# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Node.js, cluster without a schedule: the primary passes the listener, and the
# workers accept
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/daemons/node_cluster.bash"
NODE_CLUSTER_SCHED_POLICY=none
