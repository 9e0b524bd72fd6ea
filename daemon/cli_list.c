/* tidemark list: what there is, and its options, from the tables that the program itself reads. */
#include "daemon/cli.h"

#include "config/reference.h"
#include "daemon/base/mem.h"
#include "daemon/flow/plugin.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_titles[] = {"Sources", "Transforms", "Sinks"};
static const char *const kind_words[] = {"sources", "transforms", "sinks"};

static void kind_print(int kind) {
  printf("%s:\n", kind_titles[kind]);
  const struct component_type *const *types = registry_catalog()->types[kind];
  for (size_t i = 0; types[i] != NULL; i++) printf("  %-10s %s\n", types[i]->name, types[i]->text);
}

static void codecs_print(void) {
  size_t n;
  const struct codec *const *codecs = codec_list(&n);
  printf("Codecs:\n");
  for (size_t i = 0; i < n; i++) printf("  %-10s %s\n", codecs[i]->name, codecs[i]->text);
}

/* The rows of the table of functions, by group. */
static void functions_put(struct buf *out) {
  size_t n = expr_functions(NULL, 0);
  struct expr_function *list = mem_zalloc((n + 1) * sizeof *list);
  expr_functions(list, n);
  const char *group = "";
  for (size_t i = 0; i < n; i++) {
    if (strcmp(group, list[i].group) != 0) buf_printf(out, "%s:\n", list[i].group);
    group = list[i].group;
    buf_printf(out, "  %s\n      %s\n", list[i].signature, list[i].text);
  }
  free(list);
}

static void message_put(struct buf *out, const struct diag_message *message) {
  buf_printf(out, "%s (%s)\n    %s.\n    What to do: %s.\n", message->id,
             diag_level_name(message->level), message->meaning, message->action);
}

static void messages_put(struct buf *out) {
  for (size_t i = 0; i < MESSAGES; i++) message_put(out, &diag_messages[i]);
}

static void print(struct buf *text) {
  fwrite(text->data, 1, text->len, stdout);
  buf_fini(text);
}

static int type_print(struct cli *cli, const char *name) {
  const struct component_catalog *catalog = registry_catalog();
  bool found = false;
  for (int kind = 0; kind < 3; kind++) {
    for (size_t i = 0; catalog->types[kind][i] != NULL; i++) {
      const struct component_type *type = catalog->types[kind][i];
      if (strcmp(type->name, name) != 0) continue;
      struct buf out;
      buf_init(&out);
      if (found) buf_put_char(&out, '\n');
      reference_put_component_text(&out, (enum component_kind)kind, type, catalog->common[kind]);
      print(&out);
      found = true;
    }
  }
  return found ? 0
               : cli_usage(cli, "there is nothing called \"%s\"; `tidemark list` shows all", name);
}

static int list_main(struct cli *cli) {
  const char *what = cli->argc >= 2 ? cli->argv[1] : "";
  struct buf out;
  buf_init(&out);
  if (cli->argc == 3 && strcmp(what, "messages") == 0) {
    const struct diag_message *message = diag_message_find(cli->argv[2]);
    if (message == NULL) return cli_usage(cli, "there is no message \"%s\"", cli->argv[2]);
    message_put(&out, message);
    print(&out);
    return 0;
  }
  if (cli->argc > 2) return cli_usage(cli, "at most one thing is wanted");
  if (what[0] == '\0') {
    for (int kind = 0; kind < 3; kind++) kind_print(kind);
    codecs_print();
    return 0;
  }
  for (int kind = 0; kind < 3; kind++) {
    if (strcmp(what, kind_words[kind]) != 0) continue;
    kind_print(kind);
    return 0;
  }
  if (strcmp(what, "codecs") == 0) {
    codecs_print();
  } else if (strcmp(what, "functions") == 0) {
    functions_put(&out);
    print(&out);
  } else if (strcmp(what, "messages") == 0) {
    messages_put(&out);
    print(&out);
  } else if (strcmp(what, "pipeline") == 0) {
    reference_put_pipeline_text(&out);
    print(&out);
  } else if (strcmp(what, "program") == 0) {
    reference_put_daemon_text(&out);
    print(&out);
  } else if (strcmp(what, "--reference") == 0) {
    cli_reference_put(&out, false);
    print(&out);
  } else if (strcmp(what, "--man1") == 0) {
    cli_man_put(&out);
    print(&out);
  } else if (strcmp(what, "--man5") == 0) {
    cli_reference_put(&out, true);
    print(&out);
  } else if (strcmp(what, "--schema") == 0) {
    reference_put_schema(&out, registry_catalog());
    print(&out);
  } else if (what[0] == '-') {
    return cli_usage(cli, "unknown option %s", what);
  } else {
    return type_print(cli, what);
  }
  return 0;
}

const struct cli_command cli_list = {
    .name = "list",
    .usage = "list [sources | transforms | sinks | codecs | functions | pipeline | program | "
             "messages [ID] | "
             "TYPE]",
    .text = "show what components and functions there are, and their options",
    .help = "\n  TYPE          a component's options, with types, defaults and ranges\n"
            "  pipeline      the options of a pipeline itself\n"
            "  program       the options of the program as a whole\n"
            "  messages [ID] what the program says of itself: ids, what they mean, what to do\n"
            "  --reference   everything, as Markdown\n"
            "  --man1        the commands, as a man page\n"
            "  --man5        everything, as a man page\n"
            "  --schema      a JSON Schema of configurations, for editors\n",
    .main = list_main,
};
