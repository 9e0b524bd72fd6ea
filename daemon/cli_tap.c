/* tidemark tap: records of a running daemon as they pass. */
#include "daemon/cli.h"

#include "daemon/ask.h"
#include "daemon/record/json_text.h"

#include <stdlib.h>
#include <string.h>

static void print(void *arg, struct slice part) {
  (void)arg;
  fwrite(part.data, 1, part.len, stdout);
  fflush(stdout);
}

/* The only pipeline there is, when none was named. */
static int pipeline_name(struct ask *ask, struct buf *name, struct err *err) {
  struct buf body;
  struct slice pipelines, empty, one, rest;
  struct arena arena;
  size_t at = 0;
  buf_init(&body);
  arena_init(&arena, 1024);
  int result = ask_get(ask, "/v1/pipelines", &body, err);
  if (result == 0) {
    bool found = ask_member(buf_slice(&body), "pipelines", &pipelines) &&
                 json_text_next(pipelines, &at, &empty, &one) == 1;
    if (found) buf_put_text(name, ask_text(one, "name", &arena));
    if (!found || json_text_next(pipelines, &at, &empty, &rest) == 1)
      result = err_set(err, ERR_USAGE, "there is not just one pipeline: write PIPELINE/COMPONENT");
  }
  arena_fini(&arena);
  buf_fini(&body);
  return result;
}

static bool is_count(const char *text) {
  size_t digits = strspn(text, "0123456789");
  return digits > 0 && digits < 16 && text[digits] == '\0' && strtoull(text, NULL, 10) > 0;
}

static int tap(struct cli *cli, const char *address, const char *what, const char *every,
               const char *limit) {
  struct ask ask;
  struct err err;
  struct buf name, path;
  buf_init(&name);
  buf_init(&path);
  ask_open(&ask, &cli->io, address);
  const char *slash = strchr(what, '/');
  int result = 0;
  if (slash != NULL)
    buf_put(&name, what, (size_t)(slash - what));
  else
    result = pipeline_name(&ask, &name, &err);
  buf_printf(&path, "/v1/tap/%s/%s?every=%s&limit=%s", buf_cstr(&name),
             slash != NULL ? slash + 1 : what, every, limit);
  if (result == 0) result = ask_stream(&ask, buf_cstr(&path), print, NULL, &err);
  ask_close(&ask);
  buf_fini(&name);
  buf_fini(&path);
  return result == 0 ? 0 : cli_error(cli, &err);
}

static int tap_main(struct cli *cli) {
  const char *what = NULL, *address = ASK_DEFAULT_ADDRESS, *every = "1", *limit = "100";
  for (int i = 1; i < cli->argc; i++) {
    const char *next = i + 1 < cli->argc ? cli->argv[i + 1] : "";
    if (strcmp(cli->argv[i], "--admin") == 0 && *next != '\0') {
      address = cli->argv[++i];
    } else if (strcmp(cli->argv[i], "--every") == 0 && is_count(next)) {
      every = cli->argv[++i];
    } else if (strcmp(cli->argv[i], "--limit") == 0 && is_count(next)) {
      limit = cli->argv[++i];
    } else if (cli->argv[i][0] == '-') {
      return cli_usage(cli, "unknown option, or it wants another value: %s", cli->argv[i]);
    } else if (what != NULL) {
      return cli_usage(cli, "one component is wanted");
    } else {
      what = cli->argv[i];
    }
  }
  if (what == NULL) return cli_usage(cli, "a component is wanted");
  for (const char *c = what; *c != '\0'; c++) {
    if (strchr("/._-", *c) == NULL && !(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z') &&
        !(*c >= 'a' && *c <= 'z'))
      return cli_usage(cli, "%s is no component's name", what);
  }
  return tap(cli, address, what, every, limit);
}

const struct cli_command cli_tap = {
    .name = "tap",
    .usage = "tap [--every N] [--limit N] [--admin ADDRESS] [PIPELINE/]COMPONENT[.PORT]",
    .text = "show records of a running daemon as they pass",
    .help =
        "\nPrints what comes out of a component (of a sink: what goes in) as lines of JSON, as it "
        "passes. PORT is\n"
        "a side output: late, duplicates, errors, a route. The pipeline does not wait: of a fast "
        "stream some\n"
        "records are left out.\n\n"
        "  --every N        one record of N, by its place in the log (1)\n"
        "  --limit N        ends after so many (100)\n"
        "  --admin ADDRESS  of the daemon (" ASK_DEFAULT_ADDRESS
        "); a token is taken from TIDEMARK_ADMIN_TOKEN\n\n"
        "Exit status: 0 the limit was reached, or the pipeline ended or changed; 66 no such "
        "component or port; 75\n"
        "nobody answers; 77 the token is not right.\n",
    .main = tap_main,
};
