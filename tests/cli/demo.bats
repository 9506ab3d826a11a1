#!/usr/bin/env bats
# scripts/demo: the first thing that a stranger runs.
load helper

@test "the demo of a given database runs through, and its evidence verifies by its own script" {
	local top=$BATS_TEST_DIRNAME/../..
	database "$T/crm.db"
	cp "$T/crm.db" "$T/before.db"
	rm -rf "$top/holdfast-evidence"
	run -0 "$top/scripts/demo" "$T/crm.db"
	[[ $output == *"The restored database equals its source"* ]]
	[[ $output == *"RECOVERY DRILL "*" PASSED"* ]]
	[[ $output == *"sh VERIFY.txt"* ]]
	cmp "$T/crm.db" "$T/before.db"
	cd "$top/holdfast-evidence/drill"
	cmp ../keys/drill.pub drill.pub
	run -0 sh VERIFY.txt
	[[ $output == *"ALL CHECKS PASSED"* ]]
	rm -r "$top/holdfast-evidence"
}
