// Appended to a copy of a page by report_page.bats: what a reader's browser makes of it, as one line of
// JSON for the page that frames it. (No window is as narrow as a telephone; a frame is.)
(async () => {
	const root = document.documentElement;
	const wide = [...document.querySelectorAll("main *, footer *")].filter((e) => {
		const scrolls = e.closest(".wide");
		return !scrolls && e.getBoundingClientRect().right > root.clientWidth + 1;
	});
	const found = {
		width: root.clientWidth,
		scrolls: root.scrollWidth > root.clientWidth,
		wide: wide.slice(0, 5).map((e) => e.outerHTML.slice(0, 80)),
		unseen: [...document.querySelectorAll("svg")].filter((e) => e.getBoundingClientRect().width < 50).length,
		rules: null,
		violations: [],
	};
	if (window.axe) {
		const result = await window.axe.run(document, { resultTypes: ["violations"] });
		found.rules = result.passes.length;
		found.violations = result.violations.map((v) => v.id + ": " + v.nodes[0].html.slice(0, 120));
	}
	window.parent.postMessage(JSON.stringify(found), "*");
})();
