#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "holdfast/roles.h"

static void every_role_has_a_name_and_comes_back(void **state)
{
	(void)state;
	unsigned all = 0, role, back;
	const char *name, *before = "";
	for (unsigned i = 0; (name = roles_name(i, &role)); i++) {
		assert_true(strcmp(before, name) < 0);
		assert_true(roles_parse(name, &back));
		assert_int_equal(back, role);
		all |= role;
		before = name;
	}
	assert_int_equal(all, ROLES_ALL);
}

static void several_are_a_list(void **state)
{
	(void)state;
	char text[ROLES_TEXT_MAX];
	unsigned roles = 0;
	assert_true(roles_parse("writer,admin", &roles));
	assert_int_equal(roles, ROLE_WRITER | ROLE_ADMIN);
	assert_string_equal(roles_text(text, roles), "admin, writer");
	assert_true(roles_parse(" drill , drill,restorer", &roles));
	assert_int_equal(roles, ROLE_DRILL | ROLE_RESTORER);
	assert_true(roles_parse(roles_text(text, ROLES_ALL), &roles));
	assert_int_equal(roles, ROLES_ALL);
	assert_string_equal(roles_text(text, 0), "");
}

static void other_words_are_no_roles(void **state)
{
	(void)state;
	static const char *const bad[] = { "", ",", "writer,", ",writer", "root", "Writer", "writ", "writers",
		                           "writer;admin", "writer admin" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		unsigned roles = 77;
		assert_false(roles_parse(bad[i], &roles));
		assert_int_equal(roles, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_has_a_name_and_comes_back),
		cmocka_unit_test(several_are_a_list),
		cmocka_unit_test(other_words_are_no_roles),
	};
	return cmocka_run_group_tests_name("roles", tests, NULL, NULL);
}
