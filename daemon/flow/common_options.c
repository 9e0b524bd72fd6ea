/* common_options: see common_options.h. */
#include "daemon/flow/common_options.h"

#include "daemon/flow/plugin.h"

/* With it the watermark of any time is one (source_time.c). */
#define LATENESS_MAX_US (INT64_C(3000000) * TIME_DAY_US)

static const char *const unit_names[] = {"s", "ms", "us", "ns", NULL}; /* enum time_unit */
static const char *const when_idle_names[] = {"advance", "hold", NULL};
static const char *const on_error_names[] = {"dead_letter", "drop", "stop", NULL};

static const char *const on_incompatible_names[] = {"refuse", "reset", NULL};

static const struct option json_options[] = {
    {.name = "strict",
     .type = OPTION_BOOL,
     .offset = offsetof(struct source_common, json_strict),
     .fallback = "false",
     .text = "check all of each record, not only the fields that are used"},
    {0}};

static const struct option watermark_options[] = {
    {.name = "max_lateness",
     .type = OPTION_DURATION,
     .offset = offsetof(struct source_common, max_lateness_us),
     .fallback = "0",
     .max = LATENESS_MAX_US,
     .text = "how far behind the newest event time the watermark stays"},
    {.name = "idle_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct source_common, idle_timeout_us),
     .max = LATENESS_MAX_US,
     .text =
         "after so long without a record a partition no longer holds the watermark back "
         "(default: 30s for several partitions; off for one, and for a source that has an end)"},
    {.name = "when_idle",
     .type = OPTION_ENUM,
     .offset = offsetof(struct source_common, when_idle),
     .fallback = "advance",
     .names = when_idle_names,
     .text = "all partitions idle: the watermark goes on at the clock's pace, or waits"},
    {.name = "when",
     .type = OPTION_EXPR,
     .offset = offsetof(struct source_common, watermark_when),
     .text = "records that say the watermark themselves (punctuations)"},
    {.name = "value",
     .type = OPTION_EXPR,
     .offset = offsetof(struct source_common, watermark_value),
     .text = "the watermark such a record says"},
    {0}};

const struct option source_common_options[] = {
    {.name = "codec",
     .type = OPTION_TEXT,
     .offset = offsetof(struct source_common, codec),
     .fallback = "json",
     .text = "how bytes become records (`tidemark list codecs`)"},
    {.name = "json",
     .type = OPTION_GROUP,
     .group = json_options,
     .text = "options of the json codec"},
    {.name = "max_line",
     .type = OPTION_SIZE,
     .offset = offsetof(struct source_common, line_max_bytes),
     .fallback = "1MiB",
     .min = 16,
     .max = 64 << 20,
     .text = "a longer line goes to .errors"},
    {.name = "event_time",
     .type = OPTION_EXPR,
     .offset = offsetof(struct source_common, event_time),
     .text = "when the record happened (default: the transport's time, else the clock)"},
    {.name = "unit",
     .type = OPTION_ENUM,
     .offset = offsetof(struct source_common, event_time_unit),
     .fallback = "ms",
     .names = unit_names,
     .text = "of an event time that is a number since 1970"},
    {.name = "format",
     .type = OPTION_TEXT,
     .offset = offsetof(struct source_common, event_time_format),
     .text = "of an event time that is text, as in strptime (default: ISO 8601)"},
    {.name = "max_future",
     .type = OPTION_DURATION,
     .offset = offsetof(struct source_common, max_future_us),
     .fallback = "1h",
     .text = "a record whose event time is further ahead of the clock goes to .errors"},
    {.name = "watermark",
     .type = OPTION_GROUP,
     .group = watermark_options,
     .text = "how far event time has come"},
    {.name = "log_payload",
     .type = OPTION_BOOL,
     .offset = offsetof(struct source_common, log_payload),
     .fallback = "false",
     .text = "keep the records in the log even though the source can be read again"},
    {.name = "on_error",
     .type = OPTION_ENUM,
     .offset = offsetof(struct source_common, on_error),
     .fallback = "dead_letter",
     .names = on_error_names,
     .text = "a bad record goes to .errors (if somebody reads it), is dropped, or stops the "
             "pipeline in front of it"},
    {0}};

const struct option transform_common_options[] = {
    {.name = "on_error",
     .type = OPTION_ENUM,
     .offset = offsetof(struct transform_common, on_error),
     .fallback = "dead_letter",
     .names = on_error_names,
     .text = "a record that fails goes to .errors (if somebody reads it), is dropped, or stops the "
             "pipeline in front of it"},
    {.name = "on_incompatible",
     .type = OPTION_ENUM,
     .offset = offsetof(struct transform_common, on_incompatible),
     .fallback = "refuse",
     .names = on_incompatible_names,
     .text =
         "the definition was changed so that the state held cannot go on: refuse the change, or "
         "begin with empty state"},
    {0}};

const struct option sink_common_options[] = {
    {.name = "codec",
     .type = OPTION_TEXT,
     .offset = offsetof(struct sink_common, codec),
     .fallback = "json",
     .text = "how records become bytes (`tidemark list codecs`)"},
    {.name = "on_error",
     .type = OPTION_ENUM,
     .offset = offsetof(struct sink_common, on_error),
     .fallback = "dead_letter",
     .names = on_error_names,
     .text = "a record the sink refuses goes to .errors (if somebody reads it), is dropped, or "
             "stops the pipeline in front of it"},
    {0}};
