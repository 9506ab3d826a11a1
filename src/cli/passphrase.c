#include "cli/passphrase.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/split.h"
#include "cli/terminal.h"
#include "crypto/secret.h"
#include "crypto/words.h"
#include "holdfast/err.h"

enum { PASSPHRASE_MAX = 1024 };

/* what was in the environment when the program began */
static struct secret *from_environment;

void passphrase_take_environment(void)
{
	char *value = getenv("HOLDFAST_PASSPHRASE");
	struct err err;
	if (!value || !*value)
		return;
	from_environment = secret_copy(value, strlen(value), &err);
	explicit_bzero(value, strlen(value));
	unsetenv("HOLDFAST_PASSPHRASE");
}

void passphrase_drop(void)
{
	secret_free(TAKE(from_environment));
}

/* The six words as they were printed, else the text as it is. */
static struct secret *normalised(const char *text, size_t len, struct err *err)
{
	char code[WORDS_CODE_MAX];
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0) {
		err_set(err, ERR_KEY, "the passphrase is empty");
		return NULL;
	}
	if (len > PASSPHRASE_MAX) {
		err_set(err, ERR_LIMIT, "the passphrase is longer than %d bytes", PASSPHRASE_MAX);
		return NULL;
	}
	if (!words_normalise(code, text, len))
		return secret_copy(text, len, err);
	struct secret *s = secret_copy(code, strlen(code), err);
	explicit_bzero(code, sizeof code);
	return s;
}

static struct secret *from_fd(int fd, const char *what, struct err *err)
{
	char text[PASSPHRASE_MAX + 3];
	size_t len;
	struct secret *s = NULL;
	if (io_read(fd, text, sizeof text, &len, err) == 0)
		s = normalised(text, len, err);
	explicit_bzero(text, sizeof text);
	if (!s)
		err_wrap(err, "%s", what);
	return s;
}

static struct secret *from_file(const char *path, struct err *err)
{
	if (strcmp(path, "-") == 0)
		return from_fd(STDIN_FILENO, "standard input", err);
	IO_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(err, "passphrase file %s", path);
		return NULL;
	}
	return from_fd(fd, path, err);
}

/* Unlike a dump command it may ask its user something: it keeps the terminal and the environment. */
static _Noreturn void run_child(char **words, int out)
{
	signal(SIGPIPE, SIG_DFL);
	if (dup2(out, STDOUT_FILENO) >= 0)
		execvp(words[0], words);
	dprintf(STDERR_FILENO, "holdfast: passphrase-command: '%s' cannot be run\n", words[0]);
	_exit(127);
}

static struct secret *collect(pid_t child, int fd, struct err *err)
{
	struct secret *s = from_fd(fd, "passphrase-command", err);
	int status = -1;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return s;
	secret_free(s);
	if (WIFEXITED(status))
		err_set(err, ERR_KEY, "passphrase-command: exited %d", WEXITSTATUS(status));
	else
		err_set(err, ERR_KEY, "passphrase-command: ended by signal %d", WTERMSIG(status));
	return NULL;
}

static struct secret *run_words(char **words, struct err *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		err_sys(err, "pipe");
		return NULL;
	}
	IO_AUTO_FD out = ends[0];
	IO_AUTO_FD in = ends[1];
	pid_t child = fork();
	if (child == 0)
		run_child(words, in);
	if (child < 0) {
		err_sys(err, "passphrase-command");
		return NULL;
	}
	io_drop(&in);
	return collect(child, out, err);
}

static struct secret *from_command(const char *command, struct err *err)
{
	char **words = split_words(command, err);
	struct secret *s = words ? run_words(words, err) : NULL;
	if (!words)
		err_wrap(err, "passphrase-command");
	split_free(words);
	return s;
}

/* Where systemd puts what LoadCredential= names; false if it did not. */
static bool credential_path(char *out, size_t cap)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || !*folder)
		return false;
	int n = snprintf(out, cap, "%s/holdfast-passphrase", folder);
	return n > 0 && (size_t)n < cap && access(out, F_OK) == 0;
}

static const char *file_in_environment(void)
{
	const char *file = getenv("HOLDFAST_PASSPHRASE_FILE");
	return file && *file ? file : NULL;
}

bool passphrase_is_given(const struct passphrase_source *source)
{
	char path[4096];
	return source->file || source->command || from_environment || file_in_environment() ||
	       credential_path(path, sizeof path);
}

struct secret *passphrase_given(const struct passphrase_source *source, struct err *err)
{
	char path[4096];
	if (source->file)
		return from_file(source->file, err);
	if (file_in_environment())
		return from_file(file_in_environment(), err);
	if (credential_path(path, sizeof path))
		return from_file(path, err);
	if (from_environment)
		return normalised((const char *)from_environment->bytes, from_environment->len,
		                  err);
	if (source->command)
		return from_command(source->command, err);
	err_set(err, ERR_KEY, "no passphrase is given");
	return NULL;
}

/* A typing mistake in a recovery code is seen before a minute is spent on guessing. */
static void warn_of_words(const char *text, size_t len)
{
	size_t words = 0, wrong = 0, wrong_at = 0;
	for (size_t i = 0; i < len;) {
		size_t end = i;
		while (end < len && isalpha((unsigned char)text[end]))
			end++;
		if (end > i) {
			const char *near = words_nearest(text + i, end - i);
			bool listed = near && strlen(near) == end - i &&
			              strncasecmp(near, text + i, end - i) == 0;
			words++;
			if (!listed) {
				wrong++;
				wrong_at = words;
			}
		}
		i = end + 1;
	}
	if (words == WORDS_PER_CODE && wrong == 1)
		terminal_tell("If this is a recovery code: its word %zu is not in the list.\n",
		              wrong_at);
}

struct secret *passphrase_prompt(const char *question, struct err *err)
{
	char text[PASSPHRASE_MAX + 1];
	size_t len = 0;
	struct secret *s = NULL;
	if (terminal_ask(question, true, text, sizeof text, &len, err) == 0) {
		warn_of_words(text, len);
		s = normalised(text, len, err);
	}
	explicit_bzero(text, sizeof text);
	return s;
}
