#!/usr/bin/env bats
# evidence and report: what goes to an auditor, and what it says; checked with Debian's own tools.

load helper.bash

# drilled_vault: a store with an asset, one drill that passed, one that failed and its finding, one store
# that was never drilled
drilled_vault() {
	crm_vault
	database "$T/shop.db" 20
	hf add -q shop "$T/shop.db"
	hf backup -q
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
		rto = 1h
		asset = CRM-01
		owner = =B & Co <x>
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
	with_pass drill run -q
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	with_pass drill run -q || true
	id=$(hf drill list --json | grep '"failed"' | json id)
	hf drill finding "$id" --ticket OPS-311 --text 'look at <b>this</b>' --by 2099-01-01
	sed -i 's/^expect = .*/expect = >= 1/' "$CONF"
	with_pass drill run -q
	hf drill keys "$T/keys-for-auditor" >/dev/null
}

verify() { (cd "$1" && dash "$T/script" "${@:2}"); }

@test "evidence verifies under dash, holds every drill, and whatever is changed or left out is found" {
	drilled_vault
	run --separate-stderr with_pass evidence --out "$T/e"
	expect_status 0
	[[ $output == "$T/e: 3 drills, 1 ledger; verify with: "* ]]
	cp "$T/e/VERIFY.txt" "$T/script"
	run verify "$T/e" "$T/keys-for-auditor"
	expect_status 0
	[ "${lines[-1]}" = "ALL CHECKS PASSED" ]
	run verify "$T/e"
	[[ $output == *"This holds as far as the keys"* ]]
	for f in inventory.csv drills.csv findings.csv missed.csv keys.csv epochs.csv backups.csv facts.csv \
		report.json report.html report.zh.html SPAN; do
		[ -s "$T/e/$f" ]
	done
	grep -q 'crm,CRM-01,"'"'"'=B & Co <x>",' "$T/e/inventory.csv"
	grep -q ',shop,,,' "$T/e/inventory.csv"
	grep -q 'OPS-311,look at <b>this</b>,' "$T/e/findings.csv"
	[ "$(sed 1d "$T/e/drills.csv" | grep -c ',failed,')" -eq 1 ]
	# a folder of its own for each span
	run --separate-stderr with_pass evidence --out "$T/e"
	expect_status 1
	[[ $stderr == *"exists and is not empty"* ]]

	# one byte of any file
	for f in $(cd "$T/e" && find . -type f | sort | awk 'NR % 7 == 0') ./drills.csv ./SHA256SUMS ./SPAN; do
		cp -r "$T/e" "$T/bad"
		python3 - "$T/bad/$f" <<-'PY'
			import sys
			b = bytearray(open(sys.argv[1], "rb").read())
			b[len(b) // 2] ^= 1
			open(sys.argv[1], "wb").write(b)
		PY
		run verify "$T/bad" "$T/keys-for-auditor"
		expect_status 1
		rm -r "$T/bad"
	done
	# a file that is not listed, and one that is gone
	touch "$T/e/more"
	run verify "$T/e" "$T/keys-for-auditor"
	[[ $status -eq 1 && $output == *"some are not listed"* ]]
	rm "$T/e/more"
	mv "$T/e/drills.csv" "$T/"
	run verify "$T/e" "$T/keys-for-auditor"
	expect_status 1
	mv "$T/drills.csv" "$T/e/"
	# the keys of somebody else
	mkdir "$T/others"
	sed '2s/.*/RWQ00000000000000000000000000000000000000000000000000000/' "$T/keys-for-auditor/drill.pub" \
		>"$T/others/drill.pub"
	run verify "$T/e" "$T/others"
	[[ $status -eq 1 && $output == *"none of those that you were given"* ]]
}

@test "who makes the folder cannot leave out a drill that failed" {
	drilled_vault
	with_pass evidence -q --out "$T/e"
	cp "$T/e/VERIFY.txt" "$T/script"
	id=$(hf drill list --json | grep '"failed"' | json id)
	# with the machine's own report key, which signs whatever it likes: here the list check is left out
	rm -r "$T/e/drills/$id"
	sed -e '/^minisign -V -q/d' -e '/^sha256sum --check/d' -e '/^{ cut -c 67-/d' -e '/^find . -mindepth/d' \
		"$T/script" >"$T/script2"
	mv "$T/script2" "$T/script"
	run verify "$T/e" "$T/keys-for-auditor"
	expect_status 1
	[[ $output == *"a ledger tells of drill $id, which is not here"* ]]
}

@test "without a key the evidence has ids, and on a machine without keys it is refused" {
	drilled_vault
	mv "$T/state" "$T/state.away"
	run hf report --json
	expect_status 0
	[ "$(json sealed <<<"$output")" = 3 ]
	[[ $output != *CRM-01*CRM-01* ]]
	mv "$T/state.away" "$T/state"
	mv "$T/keys" "$T/keys.away"
	run --separate-stderr with_pass evidence --out "$T/e"
	expect_status 12
	[ ! -e "$T/e" ]
	[ -z "$(compgen -G "$T/e.partial*")" ]
}

@test "evidence takes away nothing that it did not make" {
	drilled_vault
	id=$(hf drill list --json | grep '"failed"' | json id)
	mkdir -p "$T/e.partial/mine" "$T/d.partial"
	echo mine | tee "$T/e.partial/mine/file" >"$T/d.partial/file"
	with_pass evidence -q --out "$T/e"
	hf drill show "$id" --to "$T/d" >/dev/null
	[ "$(cat "$T/e.partial/mine/file" "$T/d.partial/file")" = $'mine\nmine' ]
	# and leaves nothing else beside it
	[ "$(cd "$T" && echo e.* d.*)" = "e.partial d.partial" ]
}

@test "report: the numbers agree with the drills; the span is kept; CSV and JSON are well formed" {
	drilled_vault
	run with_pass report
	expect_status 0
	[[ $output == *"drills  3 done: 2 passed, 1 failed, 0 could not verify; 0 never finished, 0 missed"* ]]
	[[ $output == *"stores  2, of which 1 were drilled; "* ]]
	[[ $output == *"GAP     2 of 3 drills restored and passed"* ]]
	[[ $output == *"GAP     no drill has an RPO objective"* ]]
	[[ $output == *"ok      3 of 3 drills met the RTO"* ]]
	with_pass report --csv | python3 -c 'import csv, sys
rows = list(csv.DictReader(sys.stdin))
assert [r["state"] for r in rows] == ["passed", "failed", "passed"], rows
assert rows[1]["why"].startswith("failed: crm: fresh-orders failed"), rows[1]
assert all(int(r["rto_ms"]) > 0 and r["rto_target_ms"] == "3600000" for r in rows)
assert [r["retry"] for r in rows] == ["no", "yes", "yes"]'
	with_pass report --json | all_json
	run with_pass report --to 2001-01-01
	[[ $output == *"drills  0 done"* ]]
	run --separate-stderr hf report --from yesterdayish
	expect_status 2
	run --separate-stderr hf report --from 2026-10-02 --to 2026-10-01
	expect_status 2
	run --separate-stderr hf report --lang de
	expect_status 2
	run --separate-stderr hf report --csv --json
	expect_status 2
}

@test "a turn that was missed, and a drill that was killed, stand in the report" {
	command -v faketime >/dev/null || skip "no faketime"
	drilled_vault
	run faketime -f +30d "$HOLDFAST" -c "$CONF" report --passphrase-file "$T/pass"
	[[ $output == *"1 missed"* ]]
	faketime -f +30d "$HOLDFAST" -c "$CONF" drill run weekly -q --passphrase-file "$T/pass"
	run faketime -f +31d "$HOLDFAST" -c "$CONF" report --passphrase-file "$T/pass" --json
	[ "$(python3 -c 'import json, sys
d = json.load(sys.stdin)
print(d["sums"]["missed"], d["missed"][0]["name"])' <<<"$output")" = "1 weekly" ]
}

@test "the page: no script, nothing fetched, whatever is in a name stands for itself" {
	drilled_vault
	with_pass report --html "$T/en.html"
	with_pass report --html "$T/zh.html" --lang zh
	python3 - "$T/en.html" "$T/zh.html" <<-'PY'
		import html.parser, sys
		class P(html.parser.HTMLParser):
		    void = {"meta", "link", "br"}
		    def __init__(self):
		        super().__init__()
		        self.stack, self.text = [], []
		    def handle_starttag(self, tag, attrs):
		        assert tag not in ("script", "iframe", "object", "img", "b") or (tag == "b" and self.stack[-1] == "li"), tag
		        for k, v in attrs:
		            assert not k.startswith("on") and "http" not in (v or ""), (tag, k, v)
		        if tag not in self.void:
		            self.stack.append(tag)
		    def handle_startendtag(self, tag, attrs):
		        pass
		    def handle_endtag(self, tag):
		        assert self.stack.pop() == tag, tag
		    def handle_data(self, data):
		        self.text.append(data)
		for path, word in zip(sys.argv[1:], ("Clauses: evidence and gaps", "条款对照")):
		    p = P()
		    p.feed(open(path, encoding="utf-8").read())
		    assert not p.stack, p.stack
		    text = "".join(p.text)
		    assert word in text and "look at <b>this</b>" in text and "=B & Co <x>" in text
		    assert "OPS-311" in text and "CRM-01" in text
	PY
}
