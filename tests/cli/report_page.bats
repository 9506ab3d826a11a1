#!/usr/bin/env bats
# The page of report in a real browser: what it says on its console, whether it fits, who can use it.

load helper.bash

setup_file() {
	bats_require_minimum_version 1.5.0
	export AXE=${HOLDFAST_AXE:-$BATS_FILE_TMPDIR/axe/node_modules/axe-core/axe.min.js}
	[ -e "$AXE" ] || ! command -v npm >/dev/null ||
		timeout 120 npm install --silent --no-audit --no-fund --prefix "$BATS_FILE_TMPDIR/axe" axe-core \
			>/dev/null 2>&1 || true
}

# pages: $T/en.html and $T/zh.html of a vault with drills that passed and failed, and names that are markup
pages() {
	command -v chromium >/dev/null || skip "no chromium"
	crm_vault
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
		rto = 1h
		asset = <img src=x onerror=console.error(1)>
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
	with_pass drill run -q
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	with_pass drill run -q 2>/dev/null || true
	with_pass report --html "$T/en.html"
	with_pass report --lang zh --html "$T/zh.html"
}

# browse FILE WIDTH OPTION...: the page in a browser of its own, its console on standard error
browse() {
	timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
		--user-data-dir="$T/browser" --enable-logging=stderr --window-size="$2,1800" \
		--virtual-time-budget=20000 "${@:3}" "file://$1" 2>"$T/said"
}

# probe FILE WIDTH [SCRIPT]: what page_probe.js finds
probe() {
	cp "$1" "$T/probed.html"
	{
		[ -z "${3:-}" ] || { echo '<script>' && cat "$3" && echo '</script>'; }
		echo '<script>' && cat "$BATS_TEST_DIRNAME/page_probe.js" && echo '</script>'
	} >>"$T/probed.html"
	cat >"$T/frame.html" <<-HTML
		<!DOCTYPE html><iframe src="probed.html" style="width:$2px;height:1800px;border:0"></iframe>
		<pre id="probe"></pre>
		<script>onmessage = (e) => { document.getElementById("probe").textContent = e.data; };</script>
	HTML
	browse "$T/frame.html" 1600 --dump-dom | sed -n 's/.*<pre id="probe">\(.*\)<\/pre>.*/\1/p' |
		python3 -c 'import html, sys; print(html.unescape(sys.stdin.read()))'
}

@test "the page says nothing on the console, and fits 1280 and 390 pixels without scrolling sideways" {
	pages
	for page in en zh; do
		for width in 1280 390; do
			browse "$T/$page.html" "$width" --screenshot="$T/$page-$width.png" >/dev/null
			run ! grep 'CONSOLE' "$T/said"
			[ "$(stat -c %s "$T/$page-$width.png")" -gt 20000 ]
			probe "$T/$page.html" "$width" >"$T/found"
			[ "$(json width <"$T/found")" -eq "$width" ]
			[ "$(json scrolls <"$T/found")" = false ]
			[ "$(json wide <"$T/found")" = "[]" ]
			[ "$(json unseen <"$T/found")" -eq 0 ]
		done
	done
}

@test "axe finds nothing that keeps somebody from reading it" {
	[ -e "$AXE" ] || skip "no axe-core: npm, or its registry, is not there"
	pages
	for page in en zh; do
		for width in 1280 390; do
			probe "$T/$page.html" "$width" "$AXE" >"$T/found"
			cat "$T/found"
			[ "$(json rules <"$T/found")" -ge 10 ]
			[ "$(json violations <"$T/found")" = "[]" ]
		done
	done
}

@test "it prints on A4" {
	pages
	browse "$T/en.html" 1280 --print-to-pdf="$T/en.pdf" --no-pdf-header-footer >/dev/null
	[ "$(head -c 5 "$T/en.pdf")" = "%PDF-" ]
	# 210 mm by 297 mm, in points
	grep -aoE '/MediaBox ?\[ ?0 0 59[45](\.[0-9]+)? 84[12]' "$T/en.pdf" | grep -q .
}
