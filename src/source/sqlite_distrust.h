/* sqlite_distrust - open a database that may be somebody else's work. */
#ifndef SQLITE_DISTRUST_H
#define SQLITE_DISTRUST_H

#include <sqlite3.h>

/*
 * Nothing in its schema may run what it should not: functions that have effects, extensions, other
 * databases, writes to the schema's own tables. What is right for one use only (lengths, triggers, a
 * clock) its user sets. https://www.sqlite.org/security.html
 */
static inline void sqlite_distrust(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

#endif
