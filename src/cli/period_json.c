#include "cli/period_json.h"

const char *period_text(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));
	return text ? text : "";
}

int64_t period_number(const json_t *j, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(j, key));
}
