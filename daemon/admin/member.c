/* member: members of objects. Values are written by daemon/record. */
#include "daemon/admin/admin_internal.h"
#include "daemon/record/time.h"
#include "daemon/record/value.h"

#include <inttypes.h>
#include <math.h>

void member_comma(struct buf *out) {
  char last = out->len > 0 ? out->data[out->len - 1] : '{';
  if (last != '{' && last != '[') buf_put_char(out, ',');
}

void member_name(struct buf *out, const char *name) {
  member_comma(out);
  value_put_json_string(out, slice_of(name));
  buf_put_char(out, ':');
}

void member_slice(struct buf *out, const char *name, struct slice text) {
  member_name(out, name);
  value_put_json_string(out, text);
}

void member_text(struct buf *out, const char *name, const char *text) {
  if (text != NULL) {
    member_slice(out, name, slice_of(text));
  } else {
    member_name(out, name);
    buf_put_text(out, "null");
  }
}

/* To a thousandth: what is shown is measured, not exact. */
void member_number(struct buf *out, const char *name, double number) {
  struct value value = value_double(round(number * 1000) / 1000);
  member_name(out, name);
  value_put_json(out, &value);
}

void member_count(struct buf *out, const char *name, uint64_t number) {
  member_name(out, name);
  buf_printf(out, "%" PRIu64, number);
}

void member_time(struct buf *out, const char *name, int64_t us) {
  struct value value = us == TIME_MIN_US || us == TIME_MAX_US ? value_null() : value_timestamp(us);
  member_name(out, name);
  value_put_json(out, &value);
}

void member_bool(struct buf *out, const char *name, bool value) {
  member_name(out, name);
  buf_put_text(out, value ? "true" : "false");
}
