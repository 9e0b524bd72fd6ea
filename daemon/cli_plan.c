/* tidemark plan: what a reload would do. */
#include "daemon/cli.h"

#include "daemon/flow/engine.h"
#include "daemon/supervisor/plan.h"

#include <string.h>

enum { STATUS_FORGETS = 1 };

struct verdict {
  bool refused, forgets;
};

static void plan_print(const struct graph *from, const struct graph *to, struct verdict *verdict) {
  struct plan plan;
  struct buf text;
  buf_init(&text);
  plan_make(&plan, from, to);
  plan_put(&plan, &text);
  fwrite(text.data, 1, text.len, stdout);
  verdict->refused |= plan.refused;
  verdict->forgets |= plan.forgets;
  plan_fini(&plan);
  buf_fini(&text);
}

static const struct graph *graph_of(const struct configuration *configuration, const char *name) {
  for (size_t i = 0; i < configuration->n_graphs; i++) {
    const struct graph *graph = configuration->graphs[i];
    if (strcmp(graph->pipeline->settings.name, name) == 0) return graph;
  }
  return NULL;
}

static void plan_configurations(const struct configuration *from, const struct configuration *to,
                                struct verdict *verdict) {
  for (size_t i = 0; i < to->n_graphs; i++) {
    const char *name = to->graphs[i]->pipeline->settings.name;
    plan_print(graph_of(from, name), to->graphs[i], verdict);
  }
  for (size_t i = 0; i < from->n_graphs; i++) {
    const char *name = from->graphs[i]->pipeline->settings.name;
    if (graph_of(to, name) == NULL) plan_print(from->graphs[i], NULL, verdict);
  }
}

/* Against what the state folders say is in force. */
static int plan_in_force(struct cli *cli, const struct configuration *to, struct verdict *verdict) {
  for (size_t i = 0; i < to->n_graphs; i++) {
    const struct graph *graph = to->graphs[i];
    const struct pipeline *pipeline = graph->pipeline;
    bool found = false;
    uint64_t id = 0;
    struct err err;
    struct configuration *kept = NULL;
    if (state_dir_in_force(cli->io.disk, pipeline->settings.state_dir, &found, &id, &err) != 0)
      return cli_pipeline_error(cli, pipeline->settings.name, &err);
    if (found) {
      kept = configuration_kept(pipeline, id, &cli->io, &cli->diag, &err);
      if (kept == NULL) return cli_pipeline_error(cli, pipeline->settings.name, &err);
    }
    plan_print(kept != NULL ? kept->graphs[0] : NULL, graph, verdict);
    configuration_release(kept);
  }
  return 0;
}

static int plan_main(struct cli *cli) {
  const char *from = NULL, *to = NULL;
  for (int i = 1; i < cli->argc; i++) {
    if (strcmp(cli->argv[i], "--from") == 0 && i + 1 < cli->argc)
      from = cli->argv[++i];
    else if (cli->argv[i][0] == '-' && cli->argv[i][1] != '\0')
      return cli_usage(cli, "unknown option %s", cli->argv[i]);
    else if (to != NULL)
      return cli_usage(cli, "one configuration is wanted");
    else
      to = cli->argv[i];
  }
  if (to == NULL) return cli_usage(cli, "a configuration is wanted");
  int status = 0;
  struct configuration *new = cli_configuration(cli, to, &status), *old = NULL;
  if (new != NULL && from != NULL) old = cli_configuration(cli, from, &status);
  struct verdict verdict = {false, false};
  if (status == 0 && old != NULL) plan_configurations(old, new, &verdict);
  if (status == 0 && old == NULL) status = plan_in_force(cli, new, &verdict);
  if (status == 0 && verdict.refused) status = err_exit_status(ERR_CONFIG);
  if (status == 0 && verdict.forgets) status = STATUS_FORGETS;
  configuration_release(old);
  configuration_release(new);
  return status;
}

const struct cli_command cli_plan = {
    .name = "plan",
    .usage = "plan [--from OLD] NEW",
    .text = "show what a reload with a changed configuration would do",
    .help =
        "\nCompares NEW with what is in force, as the state folders of its pipelines say (a daemon "
        "may be\n"
        "running or not), or with the configuration OLD. Prints for each pipeline what is added "
        "(+), changed\n"
        "(~) and removed (-), and of each transform with state whether the state is kept, and if "
        "not why.\n"
        "A running pipeline that NEW does not name any more would be drained and end; --from shows "
        "it too.\n\n"
        "Exit status: 0 a reload would go through and keep all state; 1 it would go through, and "
        "state of\n"
        "removed or reset transforms would be forgotten; 78 it would be refused, or NEW is "
        "wrong.\n",
    .main = plan_main,
};
