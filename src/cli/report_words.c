#include "cli/report_words.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const char *const words[REPORT_WORDS][REPORT_LANGS] = {
	[W_HTML_LANG] = { "en", "zh-Hans" },
	[W_TITLE] = { "Backups and recovery drills", "备份与恢复演练报告" },
	[W_SPAN] = { "Period", "期间" },
	[W_VAULT] = { "Vault", "保险库" },
	[W_MADE] = { "Made", "生成时间" },
	[W_MADE_BY] = { "on", "生成于" },
	[W_SEALED] = {
		"drills whose names are sealed to others: they are shown by id",
		"次演练的名称仅对他人可读，此处以编号表示" },
	[W_DRILLS] = { "Drills done", "已完成演练" },
	[W_PASSED] = { "passed", "通过" },
	[W_FAILED] = { "failed", "失败" },
	[W_UNVERIFIED] = { "could not verify", "无法验证" },
	[W_LOST] = { "never finished", "未完成" },
	[W_MISSED] = { "missed", "错过" },
	[W_RUNNING] = { "running", "进行中" },
	[W_STORES_DRILLED] = { "Stores drilled", "已演练的数据库" },
	[W_BACKUPS_FAILED] = { "Backups failed", "失败的备份" },
	[W_ATTENTION] = { "What needs attention", "需要关注" },
	[W_NOTHING_WRONG] = {
		"No drill failed, was lost or was missed.",
		"没有失败、中断或错过的演练。" },
	[W_RTO_CHART] = { "Time to recover (RTO), measured", "实测恢复时间 (RTO)" },
	[W_RPO_CHART] = {
		"Data that would have been lost (RPO), measured",
		"实测数据丢失窗口 (RPO)" },
	[W_OBJECTIVE] = { "objective", "目标" },
	[W_NO_VALUES] = { "Nothing was measured in this period.", "本期间没有测量值。" },
	[W_CALENDAR] = { "Backups, day by day", "每日备份" },
	[W_NO_RUNS] = {
		"No backup run is in the ledgers of this period.",
		"本期间的账本中没有备份运行。" },
	[W_DAY_GOOD] = { "all good", "全部成功" },
	[W_DAY_FAILED] = { "some failed", "有失败" },
	[W_DAY_NONE] = { "no run", "无运行" },
	[W_MATRIX] = { "Clauses: evidence and gaps", "条款对照：证据与缺口" },
	[W_CLAUSE] = { "Clause", "条款" },
	[W_EVIDENCE] = { "Evidence", "证据" },
	[W_GAPS] = { "Gaps", "缺口" },
	[W_NONE] = { "none", "无" },
	[W_MATRIX_NOTE] = { "This helps you find things. Whether a duty is met is for you to judge.",
	                    "本表仅供查找证据；是否满足要求由审计人员判断。" },
	[W_DRILL] = { "Drill", "演练" },
	[W_MACHINE] = { "Machine", "机器" },
	[W_STORE] = { "Store", "数据库" },
	[W_STARTED] = { "Started", "开始" },
	[W_VERDICT] = { "Verdict", "结论" },
	[W_RTO] = { "RTO", "RTO" },
	[W_RPO] = { "RPO", "RPO" },
	[W_BY_SNAPSHOT] = {
		"since the snapshot, not the last change",
		"自快照起，而非最后一次更改" },
	[W_CHECKS] = { "Checks", "检查" },
	[W_WHY] = { "What speaks against it", "原因" },
	[W_RETRY] = { "retry", "重试" },
	[W_FINDINGS] = { "Corrective actions", "整改措施" },
	[W_TICKET] = { "Ticket", "工单" },
	[W_TEXT] = { "What", "内容" },
	[W_OPENED] = { "Opened", "开立" },
	[W_DUE] = { "Due", "期限" },
	[W_CLOSED] = { "Closed", "关闭" },
	[W_OPEN] = { "open", "未关闭" },
	[W_INVENTORY] = { "Inventory of stores", "数据库清单" },
	[W_ASSET] = { "Asset", "资产编号" },
	[W_OWNER] = { "Owner", "负责人" },
	[W_NEWEST] = { "Newest backup", "最新备份" },
	[W_LAST_DRILL] = { "Last drill", "最近演练" },
	[W_NEVER] = { "never in this period", "本期间未演练" },
	[W_NO_ASSET] = { "not registered", "未登记" },
	[W_KEYS] = { "Keys", "密钥" },
	[W_NAME] = { "Name", "名称" },
	[W_ROLES] = { "Roles", "角色" },
	[W_ENROLLED] = { "Enrolled", "登记时间" },
	[W_FINGERPRINT] = { "Fingerprint", "指纹" },
	[W_EPOCHS] = { "Epochs of store keys", "数据库密钥周期" },
	[W_EPOCH] = { "Epoch", "周期" },
	[W_SINCE] = { "Since", "起始" },
	[W_UNTIL] = { "Until", "截止" },
	[W_FOOT] = {
		"From signed ledgers and drill reports. This page itself is not signed: check the evidence "
		"folder it came in (VERIFY.txt), or make it again.",
		"本页依据已签名的账本与演练报告生成。本页本身未签名："
		"请核验其所在的证据文件夹 (VERIFY.txt) 或重新生成。" },
};

/* What there is of it, and what it means that there is nothing; %lld good of %lld. */
static const struct {
	const char *name;
	const char *some[REPORT_LANGS], *nothing[REPORT_LANGS];
} facts[] = {
	{ "backups", { "%lld of %lld backups were good", "%2$lld 次备份中 %1$lld 次成功" },
	  { "no backup run in the ledgers", "账本中没有备份运行" } },
	{ "restored", {
		"%lld of %lld drills restored and passed",
		"%2$lld 次演练中 %1$lld 次恢复并通过" },
	  { "nothing was restored", "没有进行恢复" } },
	{ "every-store", {
		"of %2$lld stores %1$lld passed their last drill",
		"%2$lld 个数据库中 %1$lld 个通过最近演练" },
	  { "there is no store", "没有数据库" } },
	{ "cadence", {
		"%lld of %lld planned drills were done",
		"计划的 %2$lld 次演练完成 %1$lld 次" },
	  { "no drill was done", "没有完成演练" } },
	{ "rto", { "%lld of %lld drills met the RTO", "%2$lld 次演练中 %1$lld 次达到 RTO" },
	  { "no drill has an RTO objective", "没有演练设定 RTO 目标" } },
	{ "rpo", { "%lld of %lld drills met the RPO", "%2$lld 次演练中 %1$lld 次达到 RPO" },
	  { "no drill has an RPO objective", "没有演练设定 RPO 目标" } },
	{ "checks", {
		"in %lld of %lld drills every check passed, none skipped",
		"%2$lld 次演练中 %1$lld 次全部检查通过且无跳过" },
	  { "nothing was checked", "没有检查" } },
	{ "offsite", {
		"%lld of %lld drills restored from offsite storage",
		"%2$lld 次演练中 %1$lld 次从异地存储恢复" },
	  { "nothing was restored from offsite", "没有从异地恢复" } },
	{ "apart", {
		"%lld of %lld drills ran on another machine, without network",
		"%2$lld 次演练中 %1$lld 次在另一台断网机器上进行" },
	  { "no drill ran apart", "没有隔离的演练" } },
	{ "drawn", {
		"in %lld of %lld drills nobody chose the snapshot",
		"%2$lld 次演练中 %1$lld 次快照非人为选择" },
	  { "no snapshot was drawn", "没有抽取快照" } },
	{ "runbook", {
		"%lld of %lld drills name a runbook",
		"%2$lld 次演练中 %1$lld 次注明操作手册" },
	  { "no drill names a runbook", "没有演练注明操作手册" } },
	{ "reports", {
		"%lld of %lld drills left a signed report",
		"%2$lld 次演练中 %1$lld 次留下签名报告" },
	  { "there is no signed report", "没有签名报告" } },
	{ "corrective", {
		"%lld of %lld corrective actions closed",
		"%2$lld 项整改中 %1$lld 项已关闭" },
	  { "nothing had to be corrected", "无需整改" } },
	{ "epochs", { "%lld of %lld epochs of keys on record", "记录在案的密钥周期 %lld/%lld" },
	  { "no epoch of keys on record", "没有密钥周期记录" } },
	{ "inventory", {
		"%lld of %lld stores have an asset number",
		"%2$lld 个数据库中 %1$lld 个有资产编号" },
	  { "there is no store", "没有数据库" } },
	{ "approval", {
		"%lld of %lld drills approved by a reviewer on record here",
		"%2$lld 次演练中 %1$lld 次有审核签名" },
	  { "no drill to approve", "没有可审核的演练" } },
};

const char *report_word(enum report_word w, enum report_lang lang)
{
	return words[w][lang];
}

bool report_lang_of(const char *text, enum report_lang *out)
{
	if (strcmp(text, "en") != 0 && strcmp(text, "zh") != 0)
		return false;
	*out = strcmp(text, "zh") == 0 ? REPORT_ZH : REPORT_EN;
	return true;
}

const char *report_state(const char *state, enum report_lang lang)
{
	static const struct { const char *state; enum report_word word; } all[] = {
		{ "passed", W_PASSED }, { "failed", W_FAILED }, { "could-not-verify", W_UNVERIFIED },
		{ "not-finished", W_LOST }, { "running", W_RUNNING },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(state, all[i].state) == 0)
			return report_word(all[i].word, lang);
	return state;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* The formats stand in the table above, and take the same two numbers. */
static void fill(char out[REPORT_LINE_MAX], const char *format, const json_t *fact)
{
	snprintf(out, REPORT_LINE_MAX, format, (long long)json_int(fact, "good"),
	         (long long)json_int(fact, "of"));
}
#pragma GCC diagnostic pop

const char *report_fact_line(const json_t *fact, enum report_lang lang, char out[REPORT_LINE_MAX])
{
	snprintf(out, REPORT_LINE_MAX, "%.100s", json_text(fact, "fact"));
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		if (strcmp(json_text(fact, "fact"), facts[i].name) != 0)
			continue;
		if (json_int(fact, "of") > 0)
			fill(out, facts[i].some[lang], fact);
		else
			snprintf(out, REPORT_LINE_MAX, "%s", facts[i].nothing[lang]);
	}
	return out;
}
