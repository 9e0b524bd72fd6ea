/* admin_internal: the inside of the admin port, shared by admin*.c. */
#ifndef TIDEMARK_ADMIN_ADMIN_INTERNAL_H
#define TIDEMARK_ADMIN_ADMIN_INTERNAL_H

#include "daemon/admin/admin.h"
#include "daemon/admin/rates.h"
#include "daemon/http/http_server.h"

struct admin_end { /* of a pipeline */
  char *pipeline;
  char *failed; /* NULL: it did all there was */
};

struct admin {
  struct io *io;
  struct http_server *server;
  char *token;
  struct admin_view view;
  bool shown, stopping;
  struct admin_pipeline *pipelines; /* as the view said at the beginning of the request */
  size_t n_pipelines, cap_pipelines;
  struct rates *rates;
  struct loop_timer *timer; /* of the rates */
  int64_t opened_us;        /* wall */
  size_t n_taps;
  struct admin_end *ends;
  size_t n_ends, cap_ends;
};

struct admin_reloads admin_reloads_of(const struct admin *admin);
bool admin_runs(const struct admin *admin, const char *pipeline);
/* Of one that has ended, and may run again; NULL: there is none. */
const struct admin_end *admin_end_find(const struct admin *admin, struct slice pipeline);
/* Whether all is well; else *why gets a line for each thing that is not. */
bool admin_ready(const struct admin *admin, struct buf *why);

/* admin_scrape.c */
void admin_scrape(struct admin *admin, struct slice accept, struct admin_answer *answer);
/* admin_json.c */
void admin_json(const struct admin *admin, struct buf *out);
void admin_pipelines_json(const struct admin *admin, struct buf *out);
/* admin_pipeline_json.c; false: there is none of that name. */
bool admin_pipeline_json(const struct admin *admin, struct slice name, struct buf *out);
void admin_pipeline_head_json(const struct admin *admin, size_t i, struct buf *out);
void admin_end_json(const struct admin_end *end, struct buf *out);

/* admin_tap.c */
void admin_tap(struct admin *admin, struct http_exchange *exchange, struct slice what);
void admin_tap_gone(struct http_exchange *exchange);

/* member.c: the members of an object, with commas where they belong. */
void member_name(struct buf *out, const char *name);
void member_text(struct buf *out, const char *name, const char *text); /* NULL: null */
void member_slice(struct buf *out, const char *name, struct slice text);
void member_number(struct buf *out, const char *name, double number);
void member_count(struct buf *out, const char *name, uint64_t number);
void member_time(struct buf *out, const char *name, int64_t us); /* none yet or for ever: null */
void member_bool(struct buf *out, const char *name, bool value);
void member_comma(struct buf *out); /* unless a bracket was just opened */

#endif
