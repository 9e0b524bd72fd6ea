/* admin_json: /v1 and /v1/pipelines. */
#include "daemon/admin/admin_internal.h"

static double seconds_since(const struct admin *admin, int64_t us) {
  return (double)(clock_wall_us(admin->io->clock) - us) / 1e6;
}

static void reload_put(const struct admin *admin, struct buf *out) {
  struct admin_reloads reloads = admin_reloads_of(admin);
  member_name(out, "reload"); /* the last one */
  if (reloads.last_us == 0) {
    buf_put_text(out, "null");
    return;
  }
  buf_put_char(out, '{');
  member_time(out, "at", reloads.last_us);
  member_text(out, "result", reloads.last_done ? "done" : "refused");
  member_text(out, "why", reloads.last_done ? NULL : reloads.why);
  member_count(out, "done", reloads.done);
  member_count(out, "refused", reloads.refused);
  buf_put_char(out, '}');
}

void admin_json(const struct admin *admin, struct buf *out) {
  struct buf why;
  buf_init(&why);
  bool ready = admin_ready(admin, &why);
  buf_put_char(out, '{');
  member_text(out, "version", TIDEMARK_VERSION);
  member_time(out, "started", admin->opened_us);
  member_number(out, "uptime_seconds", seconds_since(admin, admin->opened_us));
  member_bool(out, "ready", ready);
  member_slice(out, "why_not", buf_slice(&why));
  reload_put(admin, out);
  member_name(out, "pipelines");
  buf_put_char(out, '[');
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    member_comma(out);
    value_put_json_string(out, slice_of(admin->pipelines[i].graph->pipeline->settings.name));
  }
  for (size_t i = 0; i < admin->n_ends; i++) {
    if (admin_runs(admin, admin->ends[i].pipeline)) continue;
    member_comma(out);
    value_put_json_string(out, slice_of(admin->ends[i].pipeline));
  }
  buf_put_text(out, "]}\n");
  buf_fini(&why);
}

void admin_pipelines_json(const struct admin *admin, struct buf *out) {
  buf_put_text(out, "{\"pipelines\":[");
  for (size_t i = 0; i < admin->n_pipelines; i++) {
    member_comma(out);
    buf_put_char(out, '{');
    admin_pipeline_head_json(admin, i, out);
    buf_put_char(out, '}');
  }
  for (size_t i = 0; i < admin->n_ends; i++) {
    if (admin_runs(admin, admin->ends[i].pipeline)) continue;
    member_comma(out);
    buf_put_char(out, '{');
    admin_end_json(&admin->ends[i], out);
    buf_put_char(out, '}');
  }
  buf_put_text(out, "]}\n");
}
