#!/usr/bin/env bats
# Many hosts and one vault, in short; `make hosts` is the long form.
load helper
. "$BATS_TEST_DIRNAME/../services/_s3.sh"

@test "hosts that back up into one vault at the same time leave every check clean" {
	gateway_installed || skip "no Ceph gateway is installed"
	HOSTS_SECONDS=15 run -0 "$BATS_TEST_DIRNAME/../services/run-hosts" "$HOLDFAST"
	[[ $output == *"all clean; 16 stores restored as they are"* ]]
	echo "# $output" >&3
}
