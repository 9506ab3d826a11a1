#!/usr/bin/env bats
# drill approve: a reviewer's own signature of a report, put beside the evidence of the drill.

load helper.bash

# reviewed_vault: a drill that asks for a reviewer, m.li, and two people with keys; $id is its drill
reviewed_vault() {
	crm_vault
	for who in m.li j.doe; do
		ssh-keygen -q -t ed25519 -N '' -C '' -f "$T/$who"
		printf '%s@example.com namespaces="holdfast-drill" %s\n' "$who" "$(<"$T/$who.pub")" >>"$T/signers"
	done
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$T/nobody"
	sed -i "s|^keys = .*|&\nallowed-signers = $T/signers|" "$CONF"
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
		reviewer = m.li@example.com
	CONF
	with_pass drill run -q
	id=$(hf drill list --json | json id)
	hf drill show "$id" --to "$T/before" >/dev/null
	hf drill keys "$T/auditor" >/dev/null
}

# sign WHO [NAMESPACE]: $T/report.json.sig
sign() {
	rm -f "$T/report.json.sig"
	cp "$T/before/report.json" "$T/report.json"
	ssh-keygen -q -Y sign -n "${2:-holdfast-drill}" -f "$T/$1" "$T/report.json"
}

@test "an approval joins the evidence, and an auditor verifies it" {
	reviewed_vault
	run hf drill verify "$T/before" --keys "$T/auditor"
	[[ $output == *"approval"*"asked for, and not there"* ]]
	run hf report
	[[ $output == *"0 of 1 drill"*"approved by a reviewer"* ]]
	sign m.li
	run --separate-stderr hf drill approve "${id:0:12}" --signature "$T/report.json.sig"
	expect_status 0
	[ "$output" = "drill ${id:0:12}: approved by m.li@example.com" ]
	hf drill show "$id" --to "$T/after" | grep -q '^Approved   by m.li@example.com, 20'
	[ "$(hf drill show "$id" --json | json approved_by)" = m.li@example.com ]
	run hf drill verify "$T/after" --keys "$T/auditor"
	expect_status 0
	[[ $output == *"approval"*"ok"*"by m.li@example.com"* ]]
	run sh -c "cd '$T/after' && sh '$T/auditor/VERIFY.txt' '$T/auditor'"
	expect_status 0
	[[ $output == *"ok      approval: by m.li@example.com"* ]]
	cmp "$T/before/report.json" "$T/after/report.json"
	# nothing that was there is another now, and the ledger and the vault are as they should be
	cmp "$T/before/SHA256SUMS" "$(ls "$V"/*/drills/"$id"/SHA256SUMS)"
	hf ledger verify
	hf check -q
	run hf report
	[[ $output == *"1 of 1 drill"*"approved by a reviewer"* ]]
	hf report --csv | grep -q ",m.li@example.com.$"
	hf evidence -q --out "$T/e"
	(cd "$T/e" && dash VERIFY.txt "$T/auditor" | grep -q "ALL CHECKS PASSED")
	cmp "$T/e/drills/$id/approval.sig" "$T/report.json.sig"
	# who was taken off this machine's list approved nothing, and an object's name is no time
	sed -i.all /m.li/d "$T/signers"
	hf drill show "$id" | grep -q '^Approval   asked for, and not there'
	mv "$T/signers.all" "$T/signers"
	hf drill show "$id" | grep -q '^Approved   by m.li@example.com, 20'
	at=$(ls -d "$V"/*/drills/"$id"/approved/*)
	mv "$at" "${at%/*}/1999999999"
	hf drill show "$id" | grep -q '^Approval   asked for, and not there'
	mv "${at%/*}/1999999999" "$at"
	# one that was swapped in the vault is none
	ssh-keygen -q -Y sign -n holdfast-drill -f "$T/nobody" "$T/before/drill.pub"
	chmod -R u+w "$at"
	cp "$T/before/drill.pub.sig" "$at/approval.sig"
	hf drill show "$id" | grep -q '^Approval   asked for, and not there'
	run hf report
	[[ $output == *"0 of 1 drill"*"approved by a reviewer"* ]]
}

# refused STATUS TEXT
refused() {
	run --separate-stderr hf drill approve "$id" --signature "$T/report.json.sig"
	expect_status "$1"
	[[ $stderr == *"$2"* ]] || {
		echo "$stderr"
		return 1
	}
	[ ! -e "$(echo "$V"/*/drills/"$id"/approved)" ]
}

@test "an approval that is none is refused, and nothing of it is kept" {
	reviewed_vault
	sign nobody
	refused 1 "approval: "
	sign m.li file
	refused 20 "approval: "
	sign j.doe
	refused 1 "is by j.doe@example.com, and the drill's reviewer is m.li@example.com"
	# of another report
	sed -i 's/"person"/"timer"/' "$T/before/report.json"
	echo >>"$T/before/report.json"
	sign m.li
	refused 20 "approval: "
	echo junk >"$T/report.json.sig"
	refused 20 "approval: "
	: >"$T/report.json.sig"
	refused 20 "approval: "
	# a key whose time is over
	sed -i 's/namespaces="holdfast-drill"/&,valid-before="20200101Z"/' "$T/signers"
	hf drill show "$id" --to "$T/again" >/dev/null
	cp "$T/again/report.json" "$T/before/"
	sign m.li
	refused 1 "not at that time"
	sed -i '/^allowed-signers/d' "$CONF"
	refused 2 "not known who may approve"
	run --separate-stderr hf drill approve "$id"
	expect_status 2
}

@test "another machine's drill is approved there" {
	reviewed_vault
	sign m.li
	H2=$T/second
	mkdir -p "$H2"
	sed -e "s|^state = .*|state = $H2/state|" -e "s|^keys = .*|keys = $H2/keys|" "$CONF" >"$H2/holdfast.conf"
	chmod 600 "$H2/holdfast.conf"
	"$HOLDFAST" -c "$H2/holdfast.conf" key enroll -q --role drill --name drill1 >"$T/request" 2>/dev/null
	hf key accept -q --yes - <"$T/request"
	run --separate-stderr "$HOLDFAST" -c "$H2/holdfast.conf" drill approve "$id" --signature "$T/report.json.sig"
	expect_status 12
	[[ $stderr == *"was done by another machine"* ]]
}
