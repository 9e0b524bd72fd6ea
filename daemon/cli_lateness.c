/* tidemark lateness: which max_lateness would have kept which share of the records, as a running
 * daemon has measured it. */
#include "daemon/cli.h"

#include "config/value.h"
#include "daemon/ask.h"
#include "daemon/record/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct {
  const char *member, *shown;
} shares[] = {{"0.99", "99 %"}, {"0.999", "99.9 %"}, {"0.9999", "99.99 %"}, {"1", "all"}};

/* Up to three digits, upwards, as it can be written into a configuration. */
static void put_duration(struct buf *out, double seconds) {
  int64_t us = (int64_t)llround(seconds * 1e6), unit = 1;
  while (us / unit >= 1000) unit *= 10;
  value_put_duration(out, (us + unit - 1) / unit * unit);
}

static void source_print(const char *pipeline, struct slice component, struct arena *arena) {
  struct slice lateness, shares_member;
  if (!ask_member(component, "lateness", &lateness) ||
      !ask_member(lateness, "shares", &shares_member)) {
    return;
  }
  struct buf out;
  buf_init(&out);
  buf_printf(&out, "%s: source %s: %.0f records; max_lateness is ", pipeline,
             ask_text(component, "name", arena), ask_number(lateness, "records"));
  value_put_duration(&out, (int64_t)llround(ask_number(lateness, "max_lateness_seconds") * 1e6));
  buf_put_char(&out, '\n');
  for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
    if (ask_number(lateness, "records") == 0) break;
    buf_printf(&out, "  %-8s in time with max_lateness: ", shares[i].shown);
    put_duration(&out, ask_number(shares_member, shares[i].member));
    buf_put_char(&out, '\n');
  }
  fwrite(out.data, 1, out.len, stdout);
  buf_fini(&out);
}

static int pipeline_print(struct ask *ask, const char *name, struct err *err) {
  struct buf path, body;
  buf_init(&path);
  buf_init(&body);
  buf_printf(&path, "/v1/pipelines/%s", name);
  int result = ask_get(ask, buf_cstr(&path), &body, err);
  struct arena arena;
  arena_init(&arena, 4096);
  struct slice components, empty, component;
  size_t at = 0;
  if (result == 0 && ask_member(buf_slice(&body), "components", &components)) {
    while (json_text_next(components, &at, &empty, &component) == 1)
      source_print(name, component, &arena);
  }
  arena_fini(&arena);
  buf_fini(&path);
  buf_fini(&body);
  return result;
}

static int all_print(struct ask *ask, struct err *err) {
  struct buf body;
  buf_init(&body);
  int result = ask_get(ask, "/v1", &body, err);
  struct arena arena;
  arena_init(&arena, 4096);
  struct slice names, empty, name;
  struct value value;
  size_t at = 0;
  if (result == 0 && ask_member(buf_slice(&body), "pipelines", &names)) {
    while (result == 0 && json_text_next(names, &at, &empty, &name) == 1) {
      if (json_text_value(name, &arena, &value) == 0 && value.type == VALUE_TEXT)
        result = pipeline_print(ask, arena_dup(&arena, value.data, value.len), err);
    }
  }
  arena_fini(&arena);
  buf_fini(&body);
  return result;
}

static int lateness_main(struct cli *cli) {
  const char *address = ASK_DEFAULT_ADDRESS, *pipeline = NULL;
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--admin") == 0) {
      if (++i == cli->argc) return cli_usage(cli, "--admin wants an address");
      address = cli->argv[i];
    } else if (cli->argv[i][0] == '-') {
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    } else if (pipeline != NULL) {
      return cli_usage(cli, "one pipeline is wanted");
    } else {
      pipeline = cli->argv[i];
    }
  }
  struct ask ask;
  struct err err;
  ask_open(&ask, &cli->io, address);
  int result = pipeline != NULL ? pipeline_print(&ask, pipeline, &err) : all_print(&ask, &err);
  ask_close(&ask);
  return result == 0 ? 0 : cli_error(cli, &err);
}

const struct cli_command cli_lateness = {
    .name = "lateness",
    .usage = "lateness [--admin ADDRESS] [PIPELINE]",
    .text = "say which max_lateness would have kept which share of the records",
    .help =
        "\nOf each source of a running daemon: by how much records come behind the newest event "
        "time that\n"
        "their partition had before them, as measured since the daemon's start, whatever "
        "max_lateness is.\n"
        "The values are at most 5 % too high and never too low.\n\n"
        "  --admin ADDRESS  the daemon's admin port; default " ASK_DEFAULT_ADDRESS "\n\n"
        "TIDEMARK_ADMIN_TOKEN is shown to the daemon as its token.\n",
    .main = lateness_main,
};
