#!/usr/bin/env bats
# ledger cosign: an auditor signs what a ledger was (C2SP cosignature/v1), and holds it against that later.

load helper.bash

# auditor: somebody with a key of their own and no place in the vault
auditor_key() {
	(umask 077 && openssl genpkey -algorithm ed25519 -out "$T/cosign.pem")
	printf '[vault]\nurl = file://%s\nstate = %s/auditor/state\nkeys = %s/auditor/keys\n' "$V" "$T" "$T" \
		>"$T/auditor.conf"
}
auditor() { "$HOLDFAST" -c "$T/auditor.conf" "$@"; }
cosign() { auditor ledger cosign "$@" --signer "$T/cosign.pem" --name auditor.example/2026 --key "$(machine)"; }
machine() { hf key list --json | json name; }

night() {
	sql "$T/crm.db" "update customers set name = '$1' where id % 100 = 0"
	hf backup -q
}

@test "a cosigned checkpoint verifies: by Holdfast, and by somebody who knows the specification" {
	crm_vault
	auditor_key
	run --separate-stderr cosign "$T/kept" --json
	expect_status 0
	key=$(json cosigner <<<"$output")
	[[ $key == auditor.example/2026+* ]]
	run auditor ledger verify --against "$T/kept" --cosigner "$key"
	expect_status 0
	[[ $output == *"seen by the cosigner 20"* ]]
	echo "$key" >"$T/auditor.vkey"
	run auditor ledger verify --against "$T/kept" --cosigner "$T/auditor.vkey" --json
	[ "$(json cosigned <<<"$output")" -gt 1700000000 ]
	openssl pkey -in "$T/cosign.pem" -pubout -out "$T/pub.pem"
	python3 - "$T" "$key" <<-'PY'
		# c2sp.org/tlog-cosignature, from its text
		import base64, hashlib, subprocess, sys
		folder, key = sys.argv[1:]
		note = open(folder + "/kept", "rb").read()
		body, lines = note.split(b"\n\n")
		name, blob = lines.strip().split(b"\n")[-1].split(b" ")[1:]
		blob = base64.b64decode(blob)
		public = subprocess.run(["openssl", "pkey", "-pubin", "-in", folder + "/pub.pem", "-outform", "DER"],
		                        capture_output=True, check=True).stdout[-32:]
		ident = hashlib.sha256(name + b"\n\x04" + public).digest()[:4]
		assert blob[:4] == ident and len(blob) == 4 + 8 + 64
		assert key == "%s+%s+%s" % (name.decode(), ident.hex(), base64.b64encode(b"\x04" + public).decode())
		time = int.from_bytes(blob[4:12], "big")
		open(folder + "/said", "wb").write(b"cosignature/v1\ntime %d\n" % time + body + b"\n")
		open(folder + "/sig", "wb").write(blob[12:])
	PY
	openssl pkeyutl -verify -rawin -pubin -inkey "$T/pub.pem" -in "$T/said" -sigfile "$T/sig"
}

@test "years of checkpoints: each is held against the last, and a history that was rewritten is not cosigned" {
	crm_vault
	auditor_key
	cp -r "$V" "$T/early"
	night first
	cosign "$T/2026" -q
	night second
	cosign "$T/2027" -q --against "$T/2026"
	# back to before the first, and on from there: a writer's ledger with another history
	rm -r "$V" "$T/state"
	cp -r "$T/early" "$V"
	hf backup -q || true
	night third
	# nothing but that file remembers
	rm -r "$T/auditor"
	run --separate-stderr cosign "$T/2028" --against "$T/2027"
	expect_status 20
	[[ $stderr == *"the checkpoint kept elsewhere saw"* ]]
	[ ! -e "$T/2028" ]
}

@test "what the named cosigner did not sign is refused" {
	crm_vault
	auditor_key
	key=$(cosign "$T/kept" --json | json cosigner)
	cp "$V"/*/log/checkpoint "$T/plain"
	run --separate-stderr auditor ledger verify --against "$T/plain" --cosigner "$key"
	expect_status 2
	[[ $stderr == *"is not cosigned by auditor.example/2026"* ]]
	# another key under that name
	auditor_key
	other=$(cosign "$T/other" --json | json cosigner)
	run --separate-stderr auditor ledger verify --against "$T/kept" --cosigner "$other"
	expect_status 2
	# another time
	python3 - "$T/kept" <<-'PY'
		import base64, sys
		note = open(sys.argv[1], "rb").read().rstrip(b"\n").split(b" ")
		blob = bytearray(base64.b64decode(note[-1]))
		blob[11] ^= 1
		note[-1] = base64.b64encode(bytes(blob)) + b"\n"
		open(sys.argv[1], "wb").write(b" ".join(note))
	PY
	run --separate-stderr auditor ledger verify --against "$T/kept" --cosigner "$key"
	expect_status 2
	[[ $stderr == *"the cosignature of auditor.example/2026 fails"* ]]
	run --separate-stderr auditor ledger verify --against "$T/other" --cosigner nonsense
	expect_status 2
	run --separate-stderr auditor ledger verify --cosigner "$other"
	expect_status 2
	[[ $stderr == *"--cosigner needs --against"* ]]
}

@test "a damaged vault is not cosigned; keys that others read, or that are none, are not used" {
	crm_vault
	auditor_key
	run --separate-stderr auditor ledger cosign "$T/kept" --key "$(machine)"
	expect_status 2
	chmod 644 "$T/cosign.pem"
	run --separate-stderr cosign "$T/kept"
	expect_status 1
	[[ $stderr == *"others can read this key"* ]]
	chmod 600 "$T/cosign.pem"
	cosign "$T/kept" -q
	run --separate-stderr cosign "$T/kept"
	expect_status 1
	run --separate-stderr auditor ledger cosign "$T/k2" --signer "$T/pass" --name a --key "$(machine)"
	expect_status 1
	rm "$V"/*/*/snapshots/*
	run --separate-stderr cosign "$T/kept2"
	expect_status 20
	[ ! -e "$T/kept2" ]
}
