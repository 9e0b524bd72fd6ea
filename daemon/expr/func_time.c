/* func_time: timestamps. They are moments, without a zone of their own; whatever asks for a day or
 * an hour takes UTC unless a zone is given. Zones must be constants: their files are read when the
 * expression is compiled.
 *
 * `ts at time zone 'X'` is timezone('X', ts): the clock on the wall in X at that moment, as a
 * timestamp (as if the wall's clock showed UTC), because there is no type for it. */
#include "daemon/expr/func_call.h"
#include "daemon/expr/func_time_unit.h"

#include "daemon/base/mem.h"
#include "daemon/record/time.h"

#include <stdlib.h>

static const char range_text[] = "timestamp out of range";

struct prepared {
  struct time_zone *zone;
  char *format;
};

static void release(void *arg) {
  struct prepared *prepared = arg;
  time_zone_close(prepared->zone);
  free(prepared->format);
  free(prepared);
}

static int prepare_zone(struct disk *disk, const struct value *const *constants, size_t arg,
                        struct prepared *prepared, size_t *bad_arg, struct err *err) {
  *bad_arg = arg;
  if (constants[arg] == NULL) return err_set(err, ERR_CONFIG, "a time zone must be a constant");
  if (constants[arg]->type != VALUE_TEXT) return 0; /* NULL: there will be no call */
  char *name = func_cstr(constants[arg]);
  prepared->zone = time_zone_open(disk, name, err);
  free(name);
  return prepared->zone == NULL ? -1 : 0;
}

static int prepare_format(const struct value *const *constants, size_t arg,
                          struct prepared *prepared, size_t *bad_arg, struct err *err) {
  *bad_arg = arg;
  if (constants[arg] == NULL || constants[arg]->type != VALUE_TEXT) return 0;
  prepared->format = func_cstr(constants[arg]);
  return time_format_check(prepared->format, err);
}

static int prepare_unit(const struct value *const *constants, size_t *bad_arg, struct err *err) {
  *bad_arg = 0;
  if (constants[0] == NULL || constants[0]->type != VALUE_TEXT) return 0;
  enum unit unit;
  struct slice name = value_slice(constants[0]);
  if (unit_find(name, &unit) == 0) return 0;
  const char *nearest = unit_nearest(name);
  return err_set(err, ERR_CONFIG, "unknown unit %.*s%s%s", SLICE_ARG(name),
                 nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest);
}

static int finish(int status, struct prepared *made, void **prepared) {
  if (status < 0)
    release(made);
  else
    *prepared = made;
  return status;
}

static int prepare_trunc(struct disk *disk, const struct value *const *constants, size_t n_args,
                         void **prepared, size_t *bad_arg, struct err *err) {
  struct prepared *made = mem_zalloc(sizeof *made);
  int status = prepare_unit(constants, bad_arg, err);
  if (status == 0 && n_args == 3) status = prepare_zone(disk, constants, 2, made, bad_arg, err);
  return finish(status, made, prepared);
}

static int prepare_extract(struct disk *disk, const struct value *const *constants, size_t n_args,
                           void **prepared, size_t *bad_arg, struct err *err) {
  (void)disk;
  (void)n_args;
  (void)prepared;
  return prepare_unit(constants, bad_arg, err);
}

static int prepare_formatted(struct disk *disk, const struct value *const *constants, size_t n_args,
                             void **prepared, size_t *bad_arg, struct err *err) {
  struct prepared *made = mem_zalloc(sizeof *made);
  int status = prepare_format(constants, 1, made, bad_arg, err);
  if (status == 0 && n_args == 3) status = prepare_zone(disk, constants, 2, made, bad_arg, err);
  return finish(status, made, prepared);
}

static int prepare_timezone(struct disk *disk, const struct value *const *constants, size_t n_args,
                            void **prepared, size_t *bad_arg, struct err *err) {
  (void)n_args;
  struct prepared *made = mem_zalloc(sizeof *made);
  return finish(prepare_zone(disk, constants, 0, made, bad_arg, err), made, prepared);
}

static int prepare_at_time_zone(struct disk *disk, const struct value *const *constants,
                                size_t n_args, void **prepared, size_t *bad_arg, struct err *err) {
  (void)n_args;
  struct prepared *made = mem_zalloc(sizeof *made);
  return finish(prepare_zone(disk, constants, 1, made, bad_arg, err), made, prepared);
}

static int find_unit(struct func_call *call, const struct value *name, enum unit *unit) {
  if (unit_find(value_slice(name), unit) == 0) return 0;
  return func_fail(call, "expr.value",
                   arena_printf(call->arena, "unknown unit %.*s", SLICE_ARG(value_slice(name))));
}

static int call_date_trunc(struct func_call *call, const struct value *args, size_t n_args,
                           struct value *result) {
  (void)n_args;
  const struct prepared *prepared = call->prepared;
  const struct time_zone *zone = prepared == NULL ? NULL : prepared->zone;
  enum unit unit;
  if (find_unit(call, &args[0], &unit) < 0) return -1;
  int64_t us = args[1].integer, local_us;
  int64_t offset_us = zone == NULL ? 0 : time_zone_offset(zone, us) * TIME_SECOND_US;
  if (__builtin_add_overflow(us, offset_us, &local_us))
    return func_fail(call, "expr.range", range_text);
  if (unit_trunc(unit, local_us, &local_us) < 0)
    return func_fail(call, "expr.value",
                     arena_printf(call->arena, "date_trunc does not know the unit %.*s",
                                  SLICE_ARG(value_slice(&args[0]))));
  /* Within a day the offset stays, as in PostgreSQL: the hour that comes twice is two hours. */
  if (zone == NULL || unit < UNIT_DAY)
    *result = value_timestamp(local_us - offset_us);
  else
    *result = value_timestamp(time_zone_to_utc(zone, local_us));
  return 0;
}

static int call_extract(struct func_call *call, const struct value *args, size_t n_args,
                        struct value *result) {
  (void)n_args;
  enum unit unit;
  if (find_unit(call, &args[0], &unit) < 0) return -1;
  if (args[1].type == VALUE_TIMESTAMP) {
    unit_extract(unit, args[1].integer, result);
    return 0;
  }
  if (args[1].type != VALUE_INTERVAL) return func_fail_type(call, "extract", &args[1]);
  if (unit_extract_interval(unit, args[1].integer, result) == 0) return 0;
  return func_fail(
      call, "expr.value",
      arena_printf(call->arena, "an interval has no %.*s", SLICE_ARG(value_slice(&args[0]))));
}

static int call_date_part(struct func_call *call, const struct value *args, size_t n_args,
                          struct value *result) {
  if (call_extract(call, args, n_args, result) < 0) return -1;
  if (result->type == VALUE_INT) *result = value_double((double)result->integer);
  return 0;
}

static int call_to_timestamp(struct func_call *call, const struct value *args, size_t n_args,
                             struct value *result) {
  (void)n_args;
  int64_t us;
  if (time_of_double(args[0].number, TIME_UNIT_S, &us) < 0)
    return func_fail(call, "expr.range", range_text);
  *result = value_timestamp(us);
  return 0;
}

/* The format of this row: the prepared one, or *made, which is to be freed. */
static const char *format_of(struct func_call *call, const struct value *arg, char **made) {
  const struct prepared *prepared = call->prepared;
  *made = NULL;
  if (prepared != NULL && prepared->format != NULL) return prepared->format;
  struct err err;
  *made = func_cstr(arg);
  if (time_format_check(*made, &err) == 0) return *made;
  free(*made);
  *made = NULL;
  func_fail(call, "expr.value", arena_printf(call->arena, "%s", err.text));
  return NULL;
}

static int call_to_timestamp_format(struct func_call *call, const struct value *args, size_t n_args,
                                    struct value *result) {
  (void)n_args;
  char *made;
  const char *format = format_of(call, &args[1], &made);
  if (format == NULL) return -1;
  int64_t us;
  int status = time_parse_format(value_slice(&args[0]), format, &us);
  if (status < 0)
    func_fail(call, "expr.value",
              arena_printf(call->arena, "the text is not a time of the format %s", format));
  free(made);
  *result = status == 0 ? value_timestamp(us) : value_null();
  return status;
}

static int call_format_time(struct func_call *call, const struct value *args, size_t n_args,
                            struct value *result) {
  (void)n_args;
  const struct prepared *prepared = call->prepared;
  char *made;
  const char *format = format_of(call, &args[1], &made);
  if (format == NULL) return -1;
  struct buf buf;
  buf_init(&buf);
  time_put_format(&buf, args[0].integer, format, prepared == NULL ? NULL : prepared->zone);
  free(made);
  return func_take_text(call, &buf, result);
}

static int call_now(struct func_call *call, const struct value *args, size_t n_args,
                    struct value *result) {
  (void)args;
  (void)n_args;
  *result = value_timestamp(call->clock_us);
  return 0;
}

static int call_epoch_ms(struct func_call *call, const struct value *args, size_t n_args,
                         struct value *result) {
  (void)call;
  (void)n_args;
  int64_t us = args[0].integer;
  *result = value_int(us / 1000 - (us % 1000 < 0));
  return 0;
}

static int call_from_epoch_ms(struct func_call *call, const struct value *args, size_t n_args,
                              struct value *result) {
  (void)n_args;
  int64_t us;
  if (time_of_number(args[0].integer, TIME_UNIT_MS, &us) < 0)
    return func_fail(call, "expr.range", range_text);
  *result = value_timestamp(us);
  return 0;
}

static int wall(struct func_call *call, int64_t us, struct value *result) {
  const struct prepared *prepared = call->prepared;
  int64_t local_us;
  if (__builtin_add_overflow(us, time_zone_offset(prepared->zone, us) * TIME_SECOND_US, &local_us))
    return func_fail(call, "expr.range", range_text);
  *result = value_timestamp(local_us);
  return 0;
}

static int call_timezone(struct func_call *call, const struct value *args, size_t n_args,
                         struct value *result) {
  (void)n_args;
  return wall(call, args[1].integer, result);
}

static int call_at_time_zone(struct func_call *call, const struct value *args, size_t n_args,
                             struct value *result) {
  (void)n_args;
  return wall(call, args[0].integer, result);
}

#define TEXT VALUE_TEXT
#define TIMESTAMP VALUE_TIMESTAMP

const struct func func_time_table[] = {
    {.name = "date_trunc",
     .group = "time",
     .signature = "date_trunc(unit text, timestamp [, zone text]) -> timestamp",
     .text = "the start of the hour, day, week, ... (in a time zone)",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TEXT, TIMESTAMP, TEXT},
     .result_type = TIMESTAMP,
     .prepare = prepare_trunc,
     .release = release,
     .call = call_date_trunc},
    {.name = "extract",
     .group = "time",
     .signature = "extract(unit from timestamp or interval) -> number",
     .text = "a part: year, month, day, hour, minute, second, dow, week, epoch, ...",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, VALUE_ANY},
     .result_type = VALUE_ANY,
     .prepare = prepare_extract,
     .call = call_extract},
    {.name = "date_part",
     .group = "time",
     .signature = "date_part(unit text, timestamp or interval) -> double",
     .text = "the same as extract, as a double",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, VALUE_ANY},
     .result_type = VALUE_DOUBLE,
     .prepare = prepare_extract,
     .call = call_date_part},
    {.name = "to_timestamp",
     .group = "time",
     .signature = "to_timestamp(seconds double) -> timestamp",
     .text = "the time so many seconds after 1970",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {VALUE_DOUBLE},
     .result_type = TIMESTAMP,
     .call = call_to_timestamp},
    {.name = "to_timestamp",
     .group = "time",
     .signature = "to_timestamp(text, format text) -> timestamp",
     .text = "a time by a format like %Y-%m-%d %H:%M:%S (UTC without %z)",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, TEXT},
     .result_type = TIMESTAMP,
     .prepare = prepare_formatted,
     .release = release,
     .call = call_to_timestamp_format},
    {.name = "format_time",
     .group = "time",
     .signature = "format_time(timestamp, format text [, zone text]) -> text",
     .text = "a time by a format like %Y-%m-%d %H:%M:%S (in a time zone)",
     .min_args = 2,
     .max_args = 3,
     .arg_types = {TIMESTAMP, TEXT, TEXT},
     .result_type = TEXT,
     .prepare = prepare_formatted,
     .release = release,
     .call = call_format_time},
    {.name = "now",
     .group = "time",
     .signature = "now() -> timestamp",
     .text = "the epoch's clock: the same for all records of one epoch, and on replay",
     .min_args = 0,
     .max_args = 0,
     .result_type = TIMESTAMP,
     .clock = true,
     .call = call_now},
    {.name = "epoch_ms",
     .group = "time",
     .signature = "epoch_ms(timestamp) -> integer",
     .text = "milliseconds since 1970",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {TIMESTAMP},
     .result_type = VALUE_INT,
     .call = call_epoch_ms},
    {.name = "from_epoch_ms",
     .group = "time",
     .signature = "from_epoch_ms(integer) -> timestamp",
     .text = "the time so many milliseconds after 1970",
     .min_args = 1,
     .max_args = 1,
     .arg_types = {VALUE_INT},
     .result_type = TIMESTAMP,
     .call = call_from_epoch_ms},
    {.name = "timezone",
     .group = "time",
     .signature = "timezone(zone text, timestamp) -> timestamp",
     .text = "what a clock on the wall shows there then: timestamp at time zone zone",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TEXT, TIMESTAMP},
     .result_type = TIMESTAMP,
     .prepare = prepare_timezone,
     .release = release,
     .call = call_timezone},
    {.name = "at_time_zone",
     .group = "time",
     .signature = "at_time_zone(timestamp, zone text) -> timestamp",
     .text = "the same as timezone",
     .min_args = 2,
     .max_args = 2,
     .arg_types = {TIMESTAMP, TEXT},
     .result_type = TIMESTAMP,
     .prepare = prepare_at_time_zone,
     .release = release,
     .call = call_at_time_zone},
    {.name = NULL},
};
