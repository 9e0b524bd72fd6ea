/* give_up: see give_up.h. */
#include "daemon/supervisor/give_up.h"

#include "daemon/base/mem.h"
#include "daemon/supervisor/reload_note.h"

#include <inttypes.h>
#include <stdlib.h>

static int give_up_one(struct give_up_list of, const char *sink, struct err *err) {
  size_t with_it = 0;
  struct running *found = NULL;
  for (size_t i = 0; i < of.n; i++) {
    if (!running_has_sink(of.list[i], sink)) continue;
    with_it++;
    found = of.list[i];
  }
  if (with_it == 0)
    return err_set(err, ERR_CONFIG, "--give-up: no pipeline that runs has a sink \"%s\"", sink);
  if (with_it > 1)
    return err_set(err, ERR_CONFIG,
                   "--give-up: %zu pipelines have a sink \"%s\"; say which, as PIPELINE/%s",
                   with_it, sink, sink);
  running_give_up(found, sink);
  return 0;
}

int give_up_all(struct give_up_list of, struct buf *wishes, struct err *err) {
  int result = 0;
  char *rest = NULL, *list = mem_strdup(buf_cstr(wishes));
  for (char *name = strtok_r(list, "\n", &rest); name != NULL && result == 0;
       name = strtok_r(NULL, "\n", &rest))
    result = give_up_one(of, name, err);
  free(list);
  buf_clear(wishes);
  return result;
}

static bool catching_up_told(struct give_up_list of, const char *sink) {
  bool told = false;
  for (size_t i = 0; i < of.n; i++) {
    if (!of.list[i]->catching_up || !running_has_sink(of.list[i], sink)) continue;
    running_give_up(of.list[i], sink);
    told = true;
  }
  return told;
}

void give_up_ask(struct give_up_list of, struct io *io, struct buf *wishes) {
  struct buf taken;
  buf_init(&taken);
  for (size_t i = 0; i < of.n; i++)
    reload_wish_take(io, of.list[i]->graph->pipeline->settings.state_dir, &taken);
  char *rest = NULL, *list = mem_strdup(buf_cstr(&taken));
  for (char *name = strtok_r(list, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest))
    if (!catching_up_told(of, name)) buf_printf(wishes, "%s\n", name);
  free(list);
  buf_fini(&taken);
}

/* For a shell: as it is, or in quotes. */
static void word_put(struct buf *out, const char *word) {
  static const char plain[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,+@%";
  bool quoted = word[strspn(word, plain)] != '\0';
  if (quoted) buf_put_char(out, '\'');
  for (; *word != '\0'; word++) {
    if (*word == '\'')
      buf_put_text(out, "'\\''");
    else
      buf_put_char(out, *word);
  }
  if (quoted) buf_put_char(out, '\'');
}

void give_up_hint(const struct running *running, const char *path, struct buf *out) {
  const struct graph *graph = running->graph;
  struct buf sinks;
  buf_init(&sinks);
  for (size_t i = 0; i < graph->n_stages; i++) {
    const struct stage *stage = graph->stages[i];
    struct sink_debt debt;
    if (stage->kind != STAGE_SINK || !engine_sink_debt(running->engine, stage->kind_index, &debt))
      continue;
    buf_printf(out,
               "  sink %s owes what it was given of epochs %" PRIu64 " to %" PRIu64 ": %" PRIu64
               " record%s\n",
               stage->name, debt.from_epoch, debt.upto_epoch, debt.records,
               debt.records == 1 ? "" : "s");
    buf_printf(&sinks, "--give-up %s/%s ", running->name, stage->name);
  }
  if (sinks.len > 0) {
    buf_printf(out, "  to change without ever delivering that: tidemark reload %s",
               buf_cstr(&sinks));
    word_put(out, path);
    buf_put_char(out, '\n');
  }
  buf_fini(&sinks);
}
