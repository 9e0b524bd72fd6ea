/* tidemark generate: made-up records on standard output. */
#include "daemon/cli.h"

#include "daemon/record/time.h"
#include "sources/generate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct request {
  struct generate_options options;
  uint64_t count;
};

static int put(void *arg, struct slice lines, struct err *err) {
  struct cli *cli = arg;
  return loop_stdout_write(cli->io.loop, lines.data, lines.len, err);
}

static int number(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && text[0] != '-' ? 0 : -1;
}

/* One option and its value. */
static int option_take(struct request *request, const char *name, const char *value) {
  if (strcmp(name, "--count") == 0) return number(value, &request->count);
  if (strcmp(name, "--seed") == 0) return number(value, &request->options.seed);
  if (strcmp(name, "--start") == 0) return time_parse(slice_of(value), &request->options.start_us);
  if (strcmp(name, "--interval") == 0) {
    return time_parse_duration(slice_of(value), &request->options.interval_us);
  }
  if (strcmp(name, "--template") == 0) {
    request->options.preset = GENERATE_TEMPLATE;
    request->options.template = value;
    return 0;
  }
  if (strcmp(name, "--preset") == 0 && strcmp(value, "billing") == 0) {
    request->options.preset = GENERATE_BILLING;
    return 0;
  }
  return -1;
}

static int generate_main(struct cli *cli) {
  struct request request = {.options = {.preset = GENERATE_BILLING, .seed = 1, .interval_us = 500},
                            .count = 10};
  time_parse(slice_of("2026-01-01"), &request.options.start_us);
  for (int i = 1; i < cli->argc; i += 2) {
    if (i + 1 >= cli->argc) return cli_usage(cli, "%s wants a value", cli->argv[i]);
    if (option_take(&request, cli->argv[i], cli->argv[i + 1]) != 0) {
      return cli_usage(cli, "%s %s is not understood", cli->argv[i], cli->argv[i + 1]);
    }
  }
  struct err err;
  if (generate_write(&request.options, 0, request.count, put, cli, &err) == 0) return 0;
  return cli_error(cli, &err);
}

const struct cli_command cli_generate = {
    .name = "generate",
    .usage = "generate [--preset billing | --template TEXT] [--count N] [--seed N] [--start TIME] "
             "[--interval DURATION]",
    .text = "write made-up records to standard output",
    .help =
        "\n  --preset billing   API requests with repeats, disorder and late ones (the default)\n"
        "  --template TEXT    a JSON text with {{placeholders}}: `tidemark list generate`\n"
        "  --count N          how many (10)\n"
        "  --seed N           the same seed gives the same records (1)\n"
        "  --start TIME       event time of the first one (2026-01-01)\n"
        "  --interval D       event time from one to the next (500us)\n",
    .main = generate_main,
};
