/* tidemark list --man1: the commands, from their own help texts, as a man page. */
#include "daemon/cli.h"

#include "daemon/page.h"

static const struct {
  enum err_code code;
  const char *text;
} statuses[] = {
    {ERR_USAGE, "wrong command line"},
    {ERR_DATA, "a record stopped the pipeline (`on_error: stop`, `on_late: stop`)"},
    {ERR_NOINPUT, "an input does not exist or cannot be read"},
    {ERR_LIMIT, "a limit was reached (`memory.max`, ...)"},
    {ERR_OTHER, "anything else"},
    {ERR_IO, "disk or network; also damaged state and logs"},
    {ERR_RETRY, "may succeed when tried again: the state folder is in use, the disk is full, or a "
                "stop left something behind"},
    {ERR_PERM, "permission refused"},
    {ERR_CONFIG, "the configuration is wrong"},
};

static void command_put(struct page *page, const struct cli_command *command) {
  page_heading(page, 3, command->name);
  page_text(page, "`tidemark %s`", command->usage);
  page_text(page, "%s.", command->text);
  const char *help = command->help[0] == '\n' ? command->help + 1 : command->help;
  if (help[0] != '\0') page_code(page, "", help);
}

void cli_man_put(struct buf *out) {
  struct page page;
  page_begin(&page, true, "Tidemark", "tidemark", "1", "stream processing on one machine");
  page_heading(&page, 2, "Synopsis");
  page_text(&page, "`tidemark` COMMAND [ARGUMENTS]");
  page_heading(&page, 2, "Description");
  page_text(&page, "Tidemark reads records from sources, transforms them and writes the results to "
                   "sinks, as `tidemark.yaml`(5) says: with event time, watermarks, windows, "
                   "deduplication, and results that come exactly once, also after a crash.");
  page_heading(&page, 2, "Commands");
  for (size_t i = 0; cli_commands[i] != NULL; i++) command_put(&page, cli_commands[i]);
  page_heading(&page, 2, "Exit status");
  page_rows(&page, "status");
  page_row(&page, "0", "done, and nothing was left behind");
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    char status[16];
    snprintf(status, sizeof status, "%d", err_exit_status(statuses[i].code));
    page_row(&page, status, statuses[i].text);
  }
  page_heading(&page, 2, "Environment");
  page_rows(&page, "variable");
  page_row(&page, "STATE_DIRECTORY",
           "folder below which pipelines without `state.dir` keep their state, instead of "
           "/var/lib/tidemark");
  page_row(&page, "NOTIFY_SOCKET, WATCHDOG_USEC",
           "set by systemd for a service of `Type=notify`: where it is told of the state, and how "
           "often it must hear that the loop turns");
  page_row(&page, "JOURNAL_STREAM",
           "set by systemd: when it names the standard error, lines begin with their priority");
  page_row(&page, "CREDENTIALS_DIRECTORY",
           "set by systemd when the service has credentials: `${file:${CREDENTIALS_DIRECTORY}/"
           "token}` reads one");
  page_row(&page, "TIDEMARK_ADMIN_TOKEN",
           "what `top` and `lateness` show to the daemon they ask, when it has an `admin.token`");
  page_heading(&page, 2, "See also");
  page_text(&page, "`tidemark.yaml`(5)");
  buf_put(out, page.out.data, page.out.len);
  page_end(&page);
}
