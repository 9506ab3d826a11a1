#include "source/trial_rows.h"

#include "holdfast/err.h"

static const char others[] = "(others)";

int trial_rows_add(json_t *rows, const char *table, json_int_t n, struct err *err)
{
	if (json_object_size(rows) >= TRIAL_ROWS_NAMED_MAX) {
		table = others;
		n += json_integer_value(json_object_get(rows, others));
	}
	json_t *number = json_integer(n);
	if (!number)
		return err_no_memory(err);
	json_object_set_new(rows, table, number);   /* a name that is no UTF-8 has no place in JSON */
	return 0;
}
