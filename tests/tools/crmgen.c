/*
 * crmgen - make a customer database in SQLite, or let a day of work pass over one.
 *
 *   crmgen make  FILE --mb N [--seed S] [--journal wal|delete]
 *   crmgen churn FILE --pct P   [--seed S]     update P % of the rows, delete and append some
 *   crmgen churn FILE --pages P [--seed S]     go on until P % of the pages have changed
 *
 * Text compresses about 3:1, as prose does, because words are drawn with a Zipf-like weight; ids
 * and references do not compress. The same arguments give the same rows. A churned database is
 * left in the journal mode in which it was found, with nothing outstanding in its log.
 */
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	NOTE_MAX = 2048,
	WAL_HEADER = 32,         /* https://www.sqlite.org/fileformat.html, 4.1 */
	WAL_FRAME_HEADER = 24,
	DRAW = 1 << 14,          /* entries in the table of weighted words */
	GROUP = 500,             /* customers added between looks at the size */
	OPS = 20,                /* operations of churn between looks at the log */
};

static const char *const words[] = {
	"customer", "asked", "about", "invoice", "refund", "shipment", "delayed", "address", "change",
	"contract", "renewal", "discount", "call", "back", "tomorrow", "urgent", "escalate", "manager",
	"approved", "pending", "payment", "overdue", "account", "closed", "opened", "meeting",
	"scheduled", "demo", "product", "upgrade", "downgrade", "plan", "yearly", "monthly", "price",
	"quote", "sent", "signed", "waiting", "reply", "email", "phone", "number", "updated",
	"privacy", "consent", "withdrawn", "marketing", "opt", "out", "data", "export", "request",
	"deletion", "complaint", "resolved", "ticket", "priority", "high", "low", "normal", "network",
	"outage", "hardware", "replaced", "returned", "warehouse", "stock", "order", "partial",
	"complete", "cancelled", "duplicate", "merged", "lead", "qualified", "lost", "won",
	"competitor", "budget", "quarter", "region", "north", "south", "east", "west", "partner",
	"reseller", "training", "onboarding", "support", "engineer",
};
static const char *const first_names[] = {
	"Wei", "Li", "Anna", "Jo", "Maria", "Ivan", "Fatima", "Chen", "Olu", "Sara",
	"Tom", "Yuki", "Ahmed", "Nina", "Luis", "Mei", "Hans", "Eva", "Raj", "Zoe",
};
static const char *const last_names[] = {
	"Zhang", "Smith", "Garcia", "Kim", "Novak", "Silva", "Khan", "Muller",
	"Rossi", "Sato", "Brown", "Ali", "Ivanov", "Lopez", "Wang", "Dubois",
};
static const char *const cities[] = {
	"Shanghai", "Berlin", "Lagos", "Lima", "Osaka", "Delhi", "Paris",
	"Boston", "Cairo", "Madrid", "Seoul", "Austin", "Oslo", "Quito",
};
static const char *const ticket_states[] = { "open", "closed", "waiting" };
static const char *const currencies[] = { "EUR", "USD", "CNY" };

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define PICK(r, array) (array)[below(r, COUNT(array))]

static const char schema[] =
	"CREATE TABLE customer(id INTEGER PRIMARY KEY, first TEXT, last TEXT, email TEXT, phone TEXT,"
	" street TEXT, city TEXT, national_id TEXT, created INT, remark TEXT);"
	"CREATE TABLE ticket(id INTEGER PRIMARY KEY, customer_id INT REFERENCES customer, state TEXT,"
	" opened INT, body TEXT);"
	"CREATE TABLE \"order\"(id INTEGER PRIMARY KEY, customer_id INT REFERENCES customer,"
	" cents INT, currency TEXT, ref TEXT, placed INT);"
	"CREATE INDEX customer_email ON customer(email);"
	"CREATE INDEX ticket_customer ON ticket(customer_id);"
	"CREATE INDEX order_customer ON \"order\"(customer_id);";

enum statement {
	ADD_CUSTOMER, ADD_TICKET, ADD_ORDER,
	SET_CUSTOMER, SET_TICKET, SET_ORDER,
	DROP_CUSTOMER, DROP_TICKET, DROP_ORDER,
	STATEMENTS,
};
static const char *const sql[STATEMENTS] = {
	[ADD_CUSTOMER] = "INSERT INTO customer VALUES(?,?,?,?,?,?,?,?,?,?)",
	[ADD_TICKET] = "INSERT INTO ticket VALUES(?,?,?,?,?)",
	[ADD_ORDER] = "INSERT INTO \"order\" VALUES(?,?,?,?,?,?)",
	[SET_CUSTOMER] = "UPDATE customer SET phone=?, created=? WHERE id=?",
	[SET_TICKET] = "UPDATE ticket SET state=?, opened=? WHERE id=?",
	[SET_ORDER] = "UPDATE \"order\" SET currency=?, placed=? WHERE id=?",
	[DROP_CUSTOMER] = "DELETE FROM customer WHERE id=?",
	[DROP_TICKET] = "DELETE FROM ticket WHERE id=?",
	[DROP_ORDER] = "DELETE FROM \"order\" WHERE id=?",
};

struct crm {
	const char *path;
	sqlite3 *db;
	sqlite3_stmt *statement[STATEMENTS];
	uint64_t random[2];
	int64_t customers, tickets, orders;   /* highest ids */
	uint8_t draw[DRAW];                   /* word numbers, each as often as it is likely */
};

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void die(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fputs("crmgen: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* xoroshiro128+ (Blackman, Vigna), seeded by splitmix64 */
static uint64_t next_random(struct crm *c)
{
	uint64_t a = c->random[0], b = c->random[1], result = a + b;
	b ^= a;
	c->random[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
	c->random[1] = b << 37 | b >> 27;
	return result;
}

static void seed_random(struct crm *c, uint64_t seed)
{
	for (int i = 0; i < 2; i++) {
		uint64_t z = (seed += 0x9e3779b97f4a7c15);
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		c->random[i] = z ^ z >> 31;
	}
}

static uint64_t below(struct crm *c, uint64_t n)
{
	return (next_random(c) >> 32) * n >> 32;   /* n < 2^32 */
}

/* Six words in ten follow a Pareto distribution of shape 0.9 over the list, the rest are uniform. */
static void weigh_words(struct crm *c)
{
	size_t n = COUNT(words), at = 0;
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		double rank = (double)i + 1;
		double tail = i + 1 < n ? pow(rank + 1, -0.9) : 0;
		sum += 0.6 * (pow(rank, -0.9) - tail) + 0.4 / (double)n;
		for (; at < DRAW && (double)at < sum * DRAW; at++)
			c->draw[at] = (uint8_t)i;
	}
	for (; at < DRAW; at++)
		c->draw[at] = 0;
}

static size_t note(struct crm *c, char out[NOTE_MAX], uint64_t n_words)
{
	size_t len = 0;
	uint64_t bits = 0;
	for (uint64_t i = 0; i < n_words; i++) {
		bits = i % 4 == 0 ? next_random(c) : bits >> 16;
		const char *word = words[c->draw[bits & (DRAW - 1)]];
		size_t n = strlen(word);
		if (len + n + 1 >= NOTE_MAX)
			break;
		if (len > 0)
			out[len++] = ' ';
		memcpy(out + len, word, n);
		len += n;
	}
	out[len] = '\0';
	return len;
}

static void check(struct crm *c, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		die("%s: %s", c->path, sqlite3_errmsg(c->db));
}

static void execute(struct crm *c, const char *text)
{
	check(c, sqlite3_exec(c->db, text, NULL, NULL, NULL));
}

static void text(struct crm *c, enum statement s, int column, const char *value)
{
	check(c, sqlite3_bind_text(c->statement[s], column, value, -1, SQLITE_STATIC));
}

static void number(struct crm *c, enum statement s, int column, int64_t value)
{
	check(c, sqlite3_bind_int64(c->statement[s], column, value));
}

static void run(struct crm *c, enum statement s)
{
	check(c, sqlite3_step(c->statement[s]));
	check(c, sqlite3_reset(c->statement[s]));
}

static int64_t ask(struct crm *c, const char *query)
{
	sqlite3_stmt *s = NULL;
	check(c, sqlite3_prepare_v2(c->db, query, -1, &s, NULL));
	check(c, sqlite3_step(s));
	int64_t value = sqlite3_column_int64(s, 0);
	check(c, sqlite3_finalize(s));
	return value;
}

/* The next row of each table. Every string outlives the step that stores it. */

static int64_t past(struct crm *c)
{
	return 1600000000 + (int64_t)below(c, 160000000);
}

static void phone(struct crm *c, char *out, size_t size)
{
	snprintf(out, size, "+%u-%u", 1 + (unsigned)below(c, 98),
	         100000000 + (unsigned)below(c, 900000000));
}

static void add_customer(struct crm *c)
{
	int64_t id = ++c->customers;
	const char *first = PICK(c, first_names), *last = PICK(c, last_names);
	char email[80], call[40], street[60], national[24], remark[NOTE_MAX];
	int n = snprintf(email, sizeof email, "%s.%s%lld@example%u.com", first, last, (long long)id,
	                 (unsigned)below(c, 40));
	for (int i = 0; i < n; i++)
		if (email[i] >= 'A' && email[i] <= 'Z')
			email[i] = (char)(email[i] - 'A' + 'a');
	phone(c, call, sizeof call);
	n = snprintf(street, sizeof street, "%u ", 1 + (unsigned)below(c, 998));
	snprintf(street + n, sizeof street - (size_t)n, "%s St", PICK(c, words));
	street[n] = (char)(street[n] - 'a' + 'A');
	snprintf(national, sizeof national, "%016llx%02x", (unsigned long long)next_random(c),
	         (unsigned)below(c, 256));
	note(c, remark, 3 + below(c, 9));

	number(c, ADD_CUSTOMER, 1, id);
	text(c, ADD_CUSTOMER, 2, first);
	text(c, ADD_CUSTOMER, 3, last);
	text(c, ADD_CUSTOMER, 4, email);
	text(c, ADD_CUSTOMER, 5, call);
	text(c, ADD_CUSTOMER, 6, street);
	text(c, ADD_CUSTOMER, 7, PICK(c, cities));
	text(c, ADD_CUSTOMER, 8, national);
	number(c, ADD_CUSTOMER, 9, past(c));
	text(c, ADD_CUSTOMER, 10, remark);
	run(c, ADD_CUSTOMER);
}

static void add_ticket(struct crm *c)
{
	char body[NOTE_MAX];
	note(c, body, 15 + below(c, 75));
	number(c, ADD_TICKET, 1, ++c->tickets);
	number(c, ADD_TICKET, 2, 1 + (int64_t)below(c, (uint64_t)c->customers));
	text(c, ADD_TICKET, 3, PICK(c, ticket_states));
	number(c, ADD_TICKET, 4, past(c));
	text(c, ADD_TICKET, 5, body);
	run(c, ADD_TICKET);
}

static void add_order(struct crm *c)
{
	char ref[40];
	snprintf(ref, sizeof ref, "%016llx%016llx", (unsigned long long)next_random(c),
	         (unsigned long long)next_random(c));
	number(c, ADD_ORDER, 1, ++c->orders);
	number(c, ADD_ORDER, 2, 1 + (int64_t)below(c, (uint64_t)c->customers));
	number(c, ADD_ORDER, 3, 100 + (int64_t)below(c, 999900));
	text(c, ADD_ORDER, 4, currencies[0]);
	text(c, ADD_ORDER, 5, ref);
	number(c, ADD_ORDER, 6, past(c));
	run(c, ADD_ORDER);
}

/* One row of a table at random: half of the rows are orders. */
static int64_t some_row(struct crm *c, int *table)
{
	uint64_t quarter = below(c, 4);
	*table = quarter < 2 ? (int)quarter : 2;
	int64_t n = *table == 0 ? c->customers : *table == 1 ? c->tickets : c->orders;
	return 1 + (int64_t)below(c, (uint64_t)n);
}

static void update_some_row(struct crm *c)
{
	int table;
	int64_t id = some_row(c, &table);
	enum statement s = (enum statement)(SET_CUSTOMER + table);
	char call[40];
	phone(c, call, sizeof call);
	text(c, s, 1, table == 0 ? call : table == 1 ? PICK(c, ticket_states) : PICK(c, currencies));
	number(c, s, 2, 1760000000 + (int64_t)below(c, 3000000));
	number(c, s, 3, id);
	run(c, s);
}

static void delete_some_row(struct crm *c)
{
	int table;
	int64_t id = some_row(c, &table);
	enum statement s = (enum statement)(DROP_CUSTOMER + table);
	number(c, s, 1, id);
	run(c, s);
}

static struct crm *crm_open(const char *path, uint64_t seed)
{
	struct crm *c = calloc(1, sizeof *c);
	if (!c)
		die("out of memory");
	c->path = path;
	seed_random(c, seed);
	weigh_words(c);
	check(c, sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	                                       SQLITE_OPEN_NOMUTEX, NULL));
	execute(c, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;");
	return c;
}

static void crm_prepare(struct crm *c)
{
	for (int i = 0; i < STATEMENTS; i++)
		check(c, sqlite3_prepare_v2(c->db, sql[i], -1, &c->statement[i], NULL));
}

static void crm_close(struct crm *c)
{
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->statement[i]);
	if (sqlite3_close(c->db) != SQLITE_OK)
		die("%s: %s", c->path, sqlite3_errmsg(c->db));
	free(c);
}

static void make(const char *path, double mb, uint64_t seed, bool wal)
{
	if (unlink(path) == 0)
		fprintf(stderr, "crmgen: %s: replaced\n", path);
	struct crm *c = crm_open(path, seed);
	execute(c, "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA locking_mode=EXCLUSIVE;");
	execute(c, schema);
	crm_prepare(c);
	int64_t pages = 0, want = (int64_t)(mb * (1 << 20) / PAGE);
	/* a small database must not overshoot by a whole group */
	int group = mb < 16 ? GROUP / 25 : GROUP;
	execute(c, "BEGIN");
	while (pages < want) {
		for (int i = 0; i < group; i++)
			add_customer(c);
		for (int i = 0; i < group; i++)
			add_ticket(c);
		for (int i = 0; i < 2 * group; i++)
			add_order(c);
		pages = ask(c, "PRAGMA page_count");
	}
	execute(c, "COMMIT");
	execute(c, "PRAGMA locking_mode=NORMAL");
	execute(c, wal ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE");
	printf("%s: %.1f MiB, %lld customers, %lld tickets, %lld orders\n", path,
	       (double)pages * PAGE / (1 << 20), (long long)c->customers, (long long)c->tickets,
	       (long long)c->orders);
	crm_close(c);
}

/* The distinct pages that a write-ahead log holds, read from its frame headers as it grows. */
struct touched {
	int fd;
	off_t at;
	uint8_t *seen;
	int64_t n, max;
};

static void touched_look(struct touched *t, const char *path)
{
	uint8_t number_be[4];
	for (;; t->at += WAL_FRAME_HEADER + PAGE) {
		ssize_t n = pread(t->fd, number_be, sizeof number_be, t->at);
		if (n < 0)
			die("%s-wal: cannot read", path);
		if (n < (ssize_t)sizeof number_be)
			return;
		int64_t page = (int64_t)number_be[0] << 24 | number_be[1] << 16 | number_be[2] << 8 |
		               number_be[3];
		if (page >= t->max)
			die("%s: grew beyond what churn expects", path);
		t->n += !(t->seen[page >> 3] >> (page & 7) & 1);
		t->seen[page >> 3] |= (uint8_t)(1 << (page & 7));
	}
}

static struct touched touched_begin(struct crm *c, int64_t pages)
{
	char log[4096];
	snprintf(log, sizeof log, "%s-wal", c->path);
	struct touched t = { .fd = open(log, O_RDONLY | O_CLOEXEC), .at = WAL_HEADER,
		             .max = 2 * pages + 65536 };
	t.seen = calloc((size_t)t.max / 8 + 1, 1);
	if (t.fd < 0 || !t.seen)
		die("%s: cannot open", log);
	return t;
}

/* A day: of five operations two update, two delete and one appends a ticket. */
static void churn_pages(struct crm *c, struct touched *t, int64_t want)
{
	while (t->n < want) {
		execute(c, "BEGIN");
		for (int i = 0; i < OPS; i++) {
			uint64_t kind = below(c, 5);
			if (kind < 2)
				update_some_row(c);
			else if (kind < 4)
				delete_some_row(c);
			else
				add_ticket(c);
		}
		execute(c, "COMMIT");
		touched_look(t, c->path);
	}
}

/* P % of the rows are updated; 0.1 % deleted and 0.2 % more tickets, or less where P is small. */
static void churn_rows(struct crm *c, struct touched *t, double pct)
{
	int64_t rows = c->customers + c->tickets + c->orders;
	double aside = pct < 0.1 ? pct : 0.1;
	int64_t updates = (int64_t)((double)rows * pct / 100);
	int64_t deletes = (int64_t)((double)rows * aside / 100);
	int64_t appends = (int64_t)((double)c->tickets * 2 * aside / 100);
	execute(c, "BEGIN");
	for (int64_t i = 0; i < updates; i++)
		update_some_row(c);
	for (int64_t i = 0; i < deletes; i++)
		delete_some_row(c);
	for (int64_t i = 0; i < appends; i++)
		add_ticket(c);
	execute(c, "COMMIT");
	touched_look(t, c->path);
}

static void churn(const char *path, double pct, double pages_pct, uint64_t seed)
{
	struct stat st;
	if (stat(path, &st) != 0)
		die("%s: not there", path);
	struct crm *c = crm_open(path, seed);
	c->customers = ask(c, "SELECT max(id) FROM customer");
	c->tickets = ask(c, "SELECT max(id) FROM ticket");
	c->orders = ask(c, "SELECT max(id) FROM \"order\"");
	if (c->customers < 1 || c->tickets < 1 || c->orders < 1)
		die("%s: no rows to work on", path);
	bool was_wal = ask(c, "SELECT journal_mode = 'wal' FROM pragma_journal_mode") != 0;
	execute(c, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
	           "PRAGMA wal_checkpoint(TRUNCATE);");
	crm_prepare(c);

	int64_t before = ask(c, "PRAGMA page_count");
	/* the first write makes the log's header; nothing is in it that counts */
	execute(c, "BEGIN IMMEDIATE; PRAGMA user_version=0; COMMIT");
	struct touched t = touched_begin(c, before);
	if (pages_pct > 0)
		churn_pages(c, &t, (int64_t)((double)before * pages_pct / 100));
	else
		churn_rows(c, &t, pct);
	close(t.fd);
	free(t.seen);
	execute(c, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (!was_wal)
		execute(c, "PRAGMA journal_mode=DELETE");
	printf("%s: %lld of %lld pages changed (%.2f %%), now %lld\n", path, (long long)t.n,
	       (long long)before, 100.0 * (double)t.n / (double)before,
	       (long long)ask(c, "PRAGMA page_count"));
	crm_close(c);
}

static double positive(const char *option, const char *value)
{
	char *end;
	double v = strtod(value, &end);
	if (end == value || *end || !(v > 0) || v > 1e9)
		die("%s: '%s' is not a number above 0", option, value);
	return v;
}

int main(int argc, char **argv)
{
	double mb = 0, pct = 0, pages = 0, seed = 0;
	bool wal = false;
	if (argc < 5 || argc % 2 == 0)
		die("usage: crmgen make FILE --mb N [--seed S] [--journal wal|delete]\n"
		    "       crmgen churn FILE --pct P | --pages P [--seed S]");
	for (int i = 3; i + 1 < argc; i += 2) {
		const char *option = argv[i], *value = argv[i + 1];
		if (strcmp(option, "--mb") == 0)
			mb = positive(option, value);
		else if (strcmp(option, "--pct") == 0)
			pct = positive(option, value);
		else if (strcmp(option, "--pages") == 0)
			pages = positive(option, value);
		else if (strcmp(option, "--seed") == 0)
			seed = positive(option, value);
		else if (strcmp(option, "--journal") == 0 && strcmp(value, "wal") == 0)
			wal = true;
		else if (strcmp(option, "--journal") != 0 || strcmp(value, "delete") != 0)
			die("unknown option: %s %s", option, value);
	}
	if (strcmp(argv[1], "make") == 0 && mb > 0)
		make(argv[2], mb, seed > 0 ? (uint64_t)seed : 1, wal);
	else if (strcmp(argv[1], "churn") == 0 && (pct > 0) != (pages > 0) && pages <= 90)
		churn(argv[2], pct, pages, seed > 0 ? (uint64_t)seed : 2);
	else
		die("make needs --mb, churn needs either --pct or --pages (at most 90)");
	return 0;
}
