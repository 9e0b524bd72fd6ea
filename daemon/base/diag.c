/* diag: see diag.h. A message is made in one piece and written by one call, so lines of several
 * threads do not mix. What is held back stands in diag_repeats.c. */
#include "daemon/base/diag_parts.h"

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

const struct diag_message diag_messages[MESSAGES] = {
#define MESSAGE(name, id, level, meaning, action) {id, DIAG_##level, meaning, action},
#include "daemon/base/messages.def"
#undef MESSAGE
};

static const struct {
  const char *name;
  int priority; /* of syslog(3) */
} levels[] = {
    [DIAG_FINAL] = {"error", 3}, [DIAG_ERROR] = {"error", 3}, [DIAG_WARNING] = {"warning", 4},
    [DIAG_INFO] = {"info", 6},   [DIAG_DEBUG] = {"debug", 7},
};

const struct diag_message *diag_message_find(const char *id) {
  for (size_t i = 0; i < MESSAGES; i++)
    if (strcmp(diag_messages[i].id, id) == 0) return &diag_messages[i];
  return NULL;
}

const char *diag_level_name(enum diag_level level) {
  return levels[level].name;
}

static char *copy(const char *text) {
  return text != NULL ? mem_strdup(text) : NULL;
}

void diag_where_init(struct diag_where *where, const char *pipeline, const char *kind,
                     const char *name) {
  *where = (struct diag_where){copy(pipeline), copy(kind), copy(name)};
}

void diag_where_fini(struct diag_where *where) {
  free((void *)where->pipeline);
  free((void *)where->kind);
  free((void *)where->name);
  *where = (struct diag_where){0};
}

/* With `quoted`, for the inside of a JSON string. */
static void put_clean(struct buf *out, struct slice text, bool quoted) {
  for (size_t at = 0; at < text.len;) {
    size_t from = at;
    int32_t c = utf8_decode(text, &at);
    if (c == '\t' || c == '\n') {
      buf_put_char(out, ' ');
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      buf_put_char(out, '?');
    } else {
      if (quoted && (c == '"' || c == '\\')) buf_put_char(out, '\\');
      buf_put(out, text.data + from, at - from);
    }
  }
}

static void put_member(struct buf *out, const char *name, const char *text) {
  if (text == NULL) return;
  buf_printf(out, "%s\"%s\":\"", out->data[out->len - 1] == '{' ? "" : ",", name);
  put_clean(out, slice_of(text), true);
  buf_put_char(out, '"');
}

static void put_time(struct buf *out, int64_t wall_us) {
  time_t seconds = (time_t)(wall_us / 1000000 - (wall_us % 1000000 < 0));
  struct tm utc;
  char day[64];
  gmtime_r(&seconds, &utc);
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[96];
  snprintf(text, sizeof text, "%s.%06dZ", day, (int)(wall_us - (int64_t)seconds * 1000000));
  put_member(out, "time", text);
}

static void put_object(struct buf *out, const struct diag *diag, const struct diag_said *said) {
  const struct diag_message *message = &diag_messages[said->message];
  buf_put_char(out, '{');
  put_time(out, diag->clock.wall_us(diag->clock.arg));
  put_member(out, "level", levels[message->level].name);
  put_member(out, "id", message->id);
  put_member(out, "pipeline", said->where.pipeline);
  put_member(out, "kind", said->where.kind);
  put_member(out, "component", said->where.name);
  put_member(out, "text", said->text);
  if (said->repeated > 0) buf_printf(out, ",\"repeated\":%llu", (unsigned long long)said->repeated);
  buf_put_text(out, "}\n");
}

static void put_line(struct buf *out, const struct diag_said *said) {
  const struct diag_message *message = &diag_messages[said->message];
  const struct diag_where *where = &said->where;
  buf_printf(out, "tidemark: %s: ", levels[message->level].name);
  const char *parts[] = {where->pipeline, where->kind, where->name};
  for (size_t i = 0; i < 3; i++) {
    if (parts[i] == NULL) continue;
    put_clean(out, slice_of(parts[i]), false);
    buf_put_text(out, i == 1 && where->name != NULL ? " " : ": ");
  }
  put_clean(out, slice_of(said->text), false);
  if (said->repeated > 0)
    buf_printf(out, " (repeated %llu times in %.0f s)", (unsigned long long)said->repeated,
               (double)said->span_us / 1e6);
  buf_printf(out, " [%s]\n", message->id);
}

void diag_put(const struct diag *diag, const struct diag_said *said) {
  struct buf line;
  buf_init(&line);
  if (diag->priorities)
    buf_printf(&line, "<%d>", levels[diag_messages[said->message].level].priority);
  if (diag->json) {
    put_object(&line, diag, said);
  } else {
    put_line(&line, said);
  }
  fwrite(line.data, 1, line.len, diag->stream);
  fflush(diag->stream);
  buf_fini(&line);
}

void diag_say(const struct diag *diag, enum message message, const struct diag_where *where,
              const char *format, ...) {
  enum diag_level level = diag_messages[message].level;
  if (diag == NULL || diag->stream == NULL || level > diag->level) return;
  char text[DIAG_TEXT_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  struct diag_said said = {.message = message, .text = text};
  if (where != NULL) said.where = *where;
  if (diag->repeats != NULL && level != DIAG_FINAL) {
    diag_repeats_say(diag, &said);
  } else {
    diag_put(diag, &said);
  }
}
