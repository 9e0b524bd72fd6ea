/* path_template: the path of the sink `file`: text with {{expression}} (of the record) and
 * {{date:%Y-%m-%d}} (of its event time) in it. */
#ifndef TIDEMARK_SINKS_FILE_PATH_TEMPLATE_H
#define TIDEMARK_SINKS_FILE_PATH_TEMPLATE_H

#include "daemon/flow/plugin.h"

enum path_piece_kind { PATH_LITERAL, PATH_DATE, PATH_EXPR };

struct path_piece {
  enum path_piece_kind kind;
  const char *text; /* PATH_LITERAL, PATH_DATE: the format */
  struct expr *expr;
};

/* Texts are in the arena of the configuration; expressions are the engine's, which frees them. */
struct path_template {
  struct path_piece *pieces;
  size_t n_pieces;
  bool fixed;         /* no placeholders: one path for all records */
  const char *path;   /* when fixed */
  const char *folder; /* what is before the first placeholder, up to its last '/'; "." for none */
};

/* Has the text placeholders at all? */
bool path_template_fixed(struct slice text);
/* Errors go to compile, with carets. */
int path_template_compile(struct path_template *template, struct compile *compile,
                          const struct expr_text *text);

/* Shares the view's rows out to paths, in order of first appearance, and encodes each share as one
 * piece of part with the path as its route. A row whose path would not be one is an error
 * "file.path". */
void path_template_encode(const struct path_template *template, const struct time_zone *zone,
                          const struct codec *codec, const struct expr_run *run,
                          const struct schema *schema, const struct view *view,
                          struct sink_part *part);

#endif
