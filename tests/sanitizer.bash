# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# sanitizer.bash - tests of an instrumented build; for helpers.bash and tests/run
#
# Each program of ours writes what its runtime finds into $BUILD/reports. A test
# that leaves something there fails, whatever else it says.
#
# shellcheck disable=SC2154 # they set BUILD and DIR

# The runtime must come before the library, and before the daemon's own malloc.
sanitizer_setup() {
	export KTLSHIM=$DIR/ktlshim-sanitized # for tests/torture/run, too
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' \
		"$(<"$BUILD/tests/sanitizer/preload")" "$BUILD/ktlshim" >"$KTLSHIM"
	chmod 755 "$KTLSHIM"
}

# The instrumented programs of this test, by its settings in their environment.
users() {
	local pids
	mapfile -t pids < <(
		grep -lsF "KTLSHIM_LOG=info:$DIR/" /proc/[0-9]*/environ | cut -d / -f 3
	)
	[ ${#pids[@]} -eq 0 ] ||
		(cd /proc && grep -lsF "$BUILD/" "${pids[@]/%//maps}")
}

no_users() {
	[ -z "$(users)" ]
}

# Most reports come when a program ends.
sanitizer_check() {
	local code=0
	wait_until 10 no_users || {
		echo 'still there:'
		(cd /proc && users | sed s/maps/cmdline/ | xargs -r tail -v)
		code=1
	}
	no_reports || code=1
	return $code
}

no_reports() {
	local f code=0
	for f in "$BUILD/reports"/*; do
		[ -s "$f" ] || continue
		echo "# --- ${f##*/}"
		sed 's/^/# /;60q' "$f"
		rm -f "$f"
		code=1
	done
	return $code
}
