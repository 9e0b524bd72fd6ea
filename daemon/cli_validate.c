/* tidemark validate, explain, version. */
#include "daemon/cli.h"
#include "daemon/flow/promise.h"

#include <string.h>

/* For each source and each sink that its records can come to. */
static void pairs_print(const struct graph *graph) {
  struct buf text;
  buf_init(&text);
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *source = graph->stages[i];
    for (size_t k = 0; source->kind == STAGE_SOURCE && k < graph->n_stages; k++) {
      const struct stage *sink = graph->stages[k];
      if (sink->kind != STAGE_SINK || !promise_between(graph, source, sink)) continue;
      buf_clear(&text);
      promise_put(&text, (enum delivery)graph->pipeline->settings.delivery, source->source->promise,
                  sink->sink->promise(sink->component->instance));
      printf("  %s -> %s: %s\n", source->name, sink->name, buf_cstr(&text));
    }
  }
  buf_fini(&text);
}

/* What the sink does about it. */
static const char *sink_text(const struct stage *stage, enum delivery delivery) {
  const void *instance = stage->component->instance;
  if (delivery == DELIVERY_AT_LEAST_ONCE) return "at least once, as `delivery` says";
  if (delivery == DELIVERY_EXACTLY_ONCE) return stage->sink->promise_text(instance);
  return stage->sink->promise(instance) == SINK_ONCE_BY_KEY
             ? "at most once, as `delivery` says, if the receiver honours the Idempotency-Key: "
               "what got no answer is sent again"
             : "at most once, as `delivery` says";
}

static void promises_print(const struct graph *graph) {
  printf("pipeline %s: valid\n", graph->pipeline->settings.name);
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind != STAGE_SOURCE) continue;
    bool again = stage->source->flags(stage->component->instance) & SOURCE_REREADABLE;
    const char *how = !again ? "its records are kept in the log until they are done"
                      : stage->source_common->log_payload
                          ? "read again or from the log (log_payload)"
                          : "read again by position after a crash";
    printf("  source %s (%s): %s\n", stage->name, stage->component->type->name, how);
  }
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    if (stage->kind != STAGE_SINK) continue;
    printf("  sink %s (%s): %s\n", stage->name, stage->component->type->name,
           sink_text(stage, (enum delivery)graph->pipeline->settings.delivery));
  }
  pairs_print(graph);
}

static int validate_main(struct cli *cli) {
  if (cli->argc != 2) return cli_usage(cli, "one configuration is wanted");
  int status = 0;
  struct configuration *config = cli_configuration(cli, cli->argv[1], &status);
  if (config == NULL) return status;
  for (size_t i = 0; i < config->n_graphs; i++) promises_print(config->graphs[i]);
  configuration_release(config);
  return 0;
}

const struct cli_command cli_validate = {
    .name = "validate",
    .usage = "validate CONFIG",
    .text = "check a configuration and show what each source and sink promises",
    .help = "\nCONFIG is a YAML file or a folder of them. All errors are printed, each with its "
            "place. Exit\n"
            "status 0: valid; 78: not.\n",
    .main = validate_main,
};

static int explain_main(struct cli *cli) {
  if (cli->argc != 2) return cli_usage(cli, "one configuration is wanted");
  int status = 0;
  struct configuration *config = cli_configuration(cli, cli->argv[1], &status);
  if (config == NULL) return status;
  struct buf text;
  buf_init(&text);
  for (size_t i = 0; i < config->n_graphs; i++) graph_explain(config->graphs[i], &text);
  fwrite(text.data, 1, text.len, stdout);
  buf_fini(&text);
  configuration_release(config);
  return 0;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .usage = "explain CONFIG",
    .text = "show what a configuration was compiled to",
    .help = "\nPrints the stages in the order they run, the fields that are decoded, and the "
            "expressions as\n"
            "compiled, with their types.\n",
    .main = explain_main,
};

static int version_main(struct cli *cli) {
  if (cli->argc != 1) return cli_usage(cli, "no arguments are wanted");
  printf("tidemark %s\n", TIDEMARK_VERSION);
  return 0;
}

const struct cli_command cli_version = {
    .name = "version",
    .usage = "version",
    .text = "print the version",
    .help = "",
    .main = version_main,
};
