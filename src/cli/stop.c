#include "cli/stop.h"

#include <stddef.h>
#include <unistd.h>

#include "cli/exit_code.h"

static volatile sig_atomic_t stop;
static const char *volatile left_file, *volatile left_folder;

static void on_signal(int signal_number)
{
	(void)signal_number;
	if (stop) {
		if (left_file)
			unlink(left_file);
		if (left_folder)
			rmdir(left_folder);
		_exit(EXIT_STOPPED);
	}
	stop = 1;
}

void stop_install(void)
{
	/* without SA_RESTART, so that a prompt ends too */
	struct sigaction act = { .sa_handler = on_signal };
	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	/* a reader that goes away is an error of write(), not a silent death */
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

void stop_will_remove(const char *file, const char *folder)
{
	left_file = file;
	left_folder = folder;
}

const volatile sig_atomic_t *stop_flag(void)
{
	return &stop;
}
