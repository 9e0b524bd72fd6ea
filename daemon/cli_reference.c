/* tidemark list --reference, --man5: the reference of configurations. What stands in a table of the
 * program comes from there; the rest, the grammar of values and of expressions, is said here. */
#include "daemon/cli.h"

#include "daemon/base/limits.h"
#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "daemon/flow/plugin.h"
#include "daemon/flow/promise.h"
#include "daemon/page.h"
#include "sources/generate.h"
#include "transforms/window/aggregate.h"

#include <stdlib.h>
#include <string.h>

struct row {
  const char *term, *text;
};

static void rows_put(struct page *page, const char *head, const struct row *rows) {
  page_rows(page, head);
  for (; rows->term != NULL; rows++) page_row(page, rows->term, rows->text);
}

/* ------------------------------------------------------------------ the file and its values */

static const char example[] = "pipeline: errors-per-minute\n"
                              "state: {dir: ./errors-state}\n"
                              "\n"
                              "sources:\n"
                              "  requests:\n"
                              "    type: file\n"
                              "    path: requests.ndjson\n"
                              "    event_time: ts\n"
                              "    watermark: {max_lateness: 5s}\n"
                              "\n"
                              "transforms:\n"
                              "  failed: {type: filter, input: requests, where: status >= 500}\n"
                              "  minutes:\n"
                              "    type: window\n"
                              "    input: failed\n"
                              "    window: {tumbling: 1m}\n"
                              "    group_by: path\n"
                              "    aggregate: {failures: count(*)}\n"
                              "\n"
                              "sinks:\n"
                              "  results: {type: file, input: minutes, path: errors.ndjson}\n"
                              "  late: {type: file, input: minutes.late, path: late.ndjson}\n"
                              "  broken: {type: file, input: requests.errors, path: "
                              "broken.ndjson}\n";

static const struct row value_rows[] = {
    {"text", "any scalar; `no`, `1.50` and `007` are texts where a text is wanted"},
    {"bool", "`true`, `yes`, `on`, `false`, `no` or `off`, without quotes"},
    {"integer", "decimal digits, with a sign or without"},
    {"number", "decimal, with fraction and exponent"},
    {"duration", "whole numbers with their units from large to small: `w d h m s ms us`, as in "
                 "`1h30m`, `250ms`; or `0`"},
    {"size", "bytes, as in `4096`, `64MiB`, `1.5GB`: `KiB MiB GiB TiB` and `K M G T` are powers of "
             "1024, `kB KB MB GB TB` of 1000"},
    {"expression", "see Expressions; a number or a bool may be written as it is"},
    {"list of texts, list of expressions", "a list, or one alone"},
    {"map of texts, map of expressions", "a map whose keys are names"},
    {"group", "a map of the options that follow with a dot in their names"},
    {"structure", "a map or list whose form the option's text says"},
    {NULL, NULL}};

static const struct row substitution_rows[] = {
    {"${NAME}", "the environment variable; an error when it is not set"},
    {"${NAME:-default}", "the same, with a default when it is not set or empty"},
    {"${file:/path}", "what the file holds, without the newline at its end; a secret, never shown"},
    {"$${", "the two characters `${`"},
    {NULL, NULL}};

static const struct row time_rows[] = {
    {"text", "ISO 8601 or RFC 3339: `2026-01-31T23:59:59.123+01:00`; a blank may stand for the T; "
             "seconds, fraction and offset (UTC) may be left out, so may be the time"},
    {"number", "since 1970, in the `unit` given; by default milliseconds"},
    {"format: %Y-%m-%d %H:%M:%S", "text by directives; what they do not give is 1970-01-01 "
                                  "00:00:00 UTC"},
    {NULL, NULL}};

static const struct row directive_rows[] = {
    {"%Y %y %m %b %B %d %e %j", "year, year of two digits (1969 to 2068), month as number or name "
                                "(short, long), day, day of the year"},
    {"%H %I %p %M %S %f", "hour (of 24, of 12), AM or PM, minute, second, fraction of a second"},
    {"%a %A", "day of the week, short and long; English like all names"},
    {"%z %Z %s", "offset from UTC, name (UTC, GMT), seconds since 1970"},
    {"%F %T %R %D", "`%Y-%m-%d`, `%H:%M:%S`, `%H:%M`, `%m/%d/%y`"},
    {"%n %t %h %%", "blank, blank, as `%b`, a percent sign"},
    {NULL, NULL}};

static const struct row added_rows[] = {
    {"window_start, window_end", "of results of `window`: from, and up to but not including"},
    {"_revision, _final",
     "of the same, when `allowed_lateness` or early results are asked for: the "
     "number of the result for its window, from 0; false for early ones"},
    {"_late_by", "of records on `NAME.late`: by how many microseconds"},
    {NULL, NULL}};

static void event_time_put(struct page *page) {
  page_heading(page, 2, "Event time");
  page_text(page,
            "The watermark of a source's partition (a file, a stream) is the greatest event "
            "time so far less `watermark.max_lateness`; that of a source is the least of its "
            "partitions, that of a component the least of its inputs. It never goes back, and "
            "the end of a bounded input sends it to infinity. Partitions that are silent for "
            "`watermark.idle_timeout` do not count.");
  page_text(page,
            "A window closes when the watermark has reached its end. A record is late when all "
            "its windows, with `allowed_lateness`, had ended by the watermark that the records "
            "before it made; how the input was cut into epochs has no influence. The event "
            "time of a result is the last microsecond of its window.");
  page_text(page, "Fields that are added:");
  rows_put(page, "field", added_rows);
}

static void values_put(struct page *page) {
  page_heading(page, 2, "Values");
  rows_put(page, "type", value_rows);
  page_text(page, "Within scalars, after YAML has been read, so that a value can never become "
                  "structure; keys are not touched:");
  rows_put(page, "written", substitution_rows);
  page_text(page,
            "Bounds: %d levels of nesting, %d nodes with aliases written out, scalars of %d "
            "KiB, files of %d MiB, %d components in a pipeline.",
            LIMIT_YAML_DEPTH, LIMIT_YAML_NODES, LIMIT_YAML_SCALAR_BYTES >> 10,
            LIMIT_YAML_FILE_BYTES >> 20, LIMIT_COMPONENTS);
  page_heading(page, 2, "Times");
  page_text(page, "Times are microseconds in UTC, of the years 1 to 9999; finer fractions are cut. "
                  "What `event_time` may be:");
  rows_put(page, "of a record", time_rows);
  page_text(page,
            "Directives of `format`, of `to_timestamp()`, `format_time()` and of `{{date:...}}` "
            "in paths:");
  rows_put(page, "directive", directive_rows);
}

/* ------------------------------------------------------------------ components */

static void ports_put(struct page *page, enum component_kind kind,
                      const struct component_type *type, const void *instance) {
  struct buf ports;
  buf_init(&ports);
  if (kind == COMPONENT_SINK) {
    buf_put_text(&ports, "Port");
  } else if (type->no_main_output) {
    buf_put_text(&ports, "No main output. Ports: one for each name that the options give");
  } else {
    buf_put_text(&ports, "Main output: `NAME`. Ports");
  }
  struct slice names[8];
  size_t n = type->ports != NULL ? type->ports(instance, names, 8) : 0;
  for (size_t i = 0; i < n; i++)
    buf_printf(&ports, "%s `NAME.%.*s`", i == 0 && !type->no_main_output ? ":" : ",",
               SLICE_ARG(names[i]));
  buf_printf(&ports, "%s `NAME.errors`.", n == 0 ? ":" : ",");
  page_text(page, "%s", buf_cstr(&ports));
  buf_fini(&ports);
}

/* What a source can do again and what a sink promises, as with all options at their defaults. */
static void again_put(struct page *page, enum component_kind kind, size_t i, const void *instance) {
  if (kind == COMPONENT_SOURCE) {
    bool again = registry_sources()[i]->flags(instance) & SOURCE_REREADABLE;
    page_text(page, again ? "After a crash: read again by position; the log holds no records, "
                            "unless `log_payload` says so."
                          : "After a crash: cannot be read again, so its records are kept in the "
                            "log until they are done.");
  } else if (kind == COMPONENT_SINK) {
    page_text(page, "Promise: %s.", registry_sinks()[i]->promise_text(instance));
  }
}

static void components_put(struct page *page) {
  static const char *const titles[] = {"Sources", "Transforms", "Sinks"};
  const struct component_catalog *catalog = registry_catalog();
  for (int kind = 0; kind < 3; kind++) {
    page_heading(page, 2, titles[kind]);
    for (size_t i = 0; catalog->types[kind][i] != NULL; i++) {
      const struct component_type *type = catalog->types[kind][i];
      void *instance = mem_zalloc(type->instance_bytes + 1);
      page_component(page, (enum component_kind)kind, type, catalog->common[kind]);
      for (const char *const *note = type->notes; note != NULL && *note != NULL; note++)
        page_text(page, "%s", *note);
      ports_put(page, (enum component_kind)kind, type, instance);
      again_put(page, (enum component_kind)kind, i, instance);
      free(instance);
    }
  }
}

/* Names of the types that promise so: "`file`, `generate`". Instances are as with all options at
 * their defaults. */
static void sources_list(struct buf *out, enum source_promise promise) {
  for (size_t i = 0; registry_sources()[i] != NULL; i++) {
    const struct source_plugin *source = registry_sources()[i];
    if (source->promise != promise) continue;
    buf_printf(out, "%s%s", out->len > 0 ? ", " : "", source->type.name);
  }
}

static void sinks_list(struct buf *out, enum sink_promise promise) {
  size_t before = out->len;
  for (size_t i = 0; registry_sinks()[i] != NULL; i++) {
    const struct sink_plugin *sink = registry_sinks()[i];
    void *instance = mem_zalloc(sink->type.instance_bytes + 1);
    if (sink->promise(instance) == promise)
      buf_printf(out, "%s%s", out->len > before ? ", " : "", sink->type.name);
    free(instance);
  }
}

static void promises_put(struct page *page) {
  page_heading(page, 2, "What is promised");
  page_text(
      page,
      "With `delivery: exactly_once`, the default, by what source and sink can do; `tidemark "
      "validate` says it of the pairs of a pipeline. With `at_least_once` results leave "
      "before their input is in the log, and each record comes out at least once to every "
      "sink. With `at_most_once` nothing is logged, and what a crash overtakes is lost; what the "
      "sink `http` got no answer to is still sent again, under the same Idempotency-Key.");
  page_rows(page, "sources to sinks");
  struct buf pair, text;
  buf_init(&pair);
  buf_init(&text);
  for (int source = SOURCE_READ_AGAIN; source <= SOURCE_FORGOTTEN; source++) {
    for (int sink = SINK_EXACTLY_ONCE; sink <= SINK_AT_LEAST_ONCE; sink++) {
      buf_clear(&pair);
      buf_clear(&text);
      sources_list(&pair, (enum source_promise)source);
      buf_put_text(&pair, " to ");
      sinks_list(&pair, (enum sink_promise)sink);
      promise_put(&text, DELIVERY_EXACTLY_ONCE, (enum source_promise)source,
                  (enum sink_promise)sink);
      page_row(page, buf_cstr(&pair), buf_cstr(&text));
    }
  }
  buf_fini(&pair);
  buf_fini(&text);
}

static const struct row path_rows[] = {
    {"{{field}}, {{expression}}", "the value, as text; it may not hold a `/` or a control "
                                  "character, be empty, or make a name of `.` or `..`"},
    {"{{date:%Y-%m-%d}}", "the record's event time in the sink's `timezone`"},
    {NULL, NULL}};

static const struct row error_rows[] = {
    {"_error", "`{\"code\": ..., \"text\": ...}`: one of the codes below, and a sentence"},
    {"_component", "where it happened"},
    {"_position", "where the record stands in its source"},
    {NULL, NULL}};

static const struct row codes[] = {
#define RECORD_ERROR(code, text) {code, text},
#include "daemon/flow/record_errors.def"
#undef RECORD_ERROR
    {NULL, NULL}};

static void parts_put(struct page *page) {
  page_heading(page, 2, "Codecs");
  size_t n;
  const struct codec *const *codecs = codec_list(&n);
  page_rows(page, "codec");
  for (size_t i = 0; i < n; i++) page_row(page, codecs[i]->name, codecs[i]->text);
  page_heading(page, 2, "Templates");
  page_text(page,
            "The source `generate` and the command of that name fill in placeholders. Bare, a "
            "text gets its double quotes; inside a JSON string it does not.");
  page_code(page, "sh",
            "tidemark generate --count 3 --template "
            "'{\"n\": {{seq}}, \"user\": {{user 100 skew}}, \"at\": {{time}}}'\n");
  page_rows(page, "between {{ and }}");
  for (const struct generate_function *function = generate_functions; function->name != NULL;
       function++)
    page_row(page, function->usage, function->text);
  page_heading(page, 2, "Paths");
  page_text(page, "The `path` of the sink `file` may have placeholders:");
  rows_put(page, "placeholder", path_rows);
  page_heading(page, 2, "Records that something is wrong with");
  page_text(page,
            "They go to `NAME.errors` of the component, are counted always, and have no other "
            "effect. The stream's records hold the original bytes (as text, else in base64) "
            "and:");
  rows_put(page, "field", error_rows);
  rows_put(page, "code", codes);
}

static const struct row diagnostics_rows[] = {
    {"time", "RFC 3339, UTC, with microseconds"},
    {"level", "`error`, `warning`, `info` or `debug`"},
    {"id", "one of the ids below"},
    {"pipeline", "whose it is; left out when it is the program's"},
    {"kind, component", "who speaks: `source`, `transform`, `sink`, `log`, ..., and its name"},
    {"text", "the sentence"},
    {"repeated", "so many more like it were counted, not printed; left out when there were none"},
    {NULL, NULL}};

static void messages_put(struct page *page) {
  page_heading(page, 2, "Messages");
  page_text(page, "What the program says of itself goes to the standard error, a line a message, "
                  "with the message's id in brackets at its end; `tidemark run --log-format json` "
                  "makes each an object:");
  rows_put(page, "member", diagnostics_rows);
  page_text(page, "Of the same message of the same component 5 are printed in 10 s; the others are "
                  "counted and told when the 10 s are over, with the text of the last. What ends a "
                  "pipeline or the program is always printed. When the standard error goes to "
                  "journald, lines begin with their priority, as `<4>`, which journald takes off.");
  page_text(page, "Ids never change their meaning. `tidemark list messages ID` shows one.");
  page_rows(page, "id");
  for (size_t i = 0; i < MESSAGES; i++) {
    const struct diag_message *message = &diag_messages[i];
    char text[1024];
    snprintf(text, sizeof text, "%s: %s. What to do: %s.", diag_level_name(message->level),
             message->meaning, message->action);
    page_row(page, message->id, text);
  }
}

/* ------------------------------------------------------------------ expressions */

static const struct row literal_rows[] = {
    {"42  -7", "integer, 64 bits"},
    {"1.5  1e3", "double; also integers beyond 64 bits"},
    {"'it''s'", "text; a quote in it is doubled"},
    {"E'tab\\t'", "text with escapes"},
    {"true  false  null", "in any case"},
    {"timestamp '2026-01-31 23:59:59'", "a time, UTC unless it has an offset"},
    {"interval '5 minutes'", "a length of time; also `1 day 02:03:04.5`, `PT5M`; months and years "
                             "have none"},
    {"user.id  tags[0]  tags[-1]", "a field, one inside of it, an element from the start or end"},
    {"\"odd name\"  a[\"odd name\"]",
     "fields with other names; names are exactly those of the record"},
    {"-- text  /* text */", "comments"},
    {NULL, NULL}};

static const struct row level_rows[] = {
    {".  [ ]", "a field inside"},
    {"::", "cast"},
    {"-  +", "sign"},
    {"at time zone", "wall time in a zone"},
    {"^", "power, from the left"},
    {"*  /  %", "product, quotient, rest"},
    {"+  -", "sum, difference"},
    {"||  ~  ~*  !~  !~*", "joined texts, regular expressions"},
    {"between  in  like  ilike", "also with `not` in front"},
    {"=  <>  !=  <  <=  >  >=", "comparison; does not chain"},
    {"is", "`is [not] null`, `true`, `false`, `unknown`, `distinct from`"},
    {"not", "negation"},
    {"and", "both"},
    {"or", "either; binds weakest"},
    {NULL, NULL}};

static void aggregates_put(struct page *page) {
  page_heading(page, 2, "Aggregates");
  page_text(page, "Of the transform `window`. Each may be followed by `filter (where ...)`. NULLs "
                  "are left out, except by `count(*)`; over no values all but counts are NULL.");
  const char *usage, *text;
  page_rows(page, "aggregate");
  for (size_t i = 0; aggregate_usage(i, &usage, &text); i++) page_row(page, usage, text);
}

static void expressions_put(struct page *page) {
  page_heading(page, 2, "Expressions");
  page_text(
      page,
      "SQL's expressions as PostgreSQL has them, over the fields of a record. A missing field "
      "is NULL. Keywords and functions may be written in any case. A row that fails "
      "(overflow, division by zero, a bad cast, a type an operator cannot take) goes to "
      "`NAME.errors`. At most %d levels deep and %d terms long.",
      LIMIT_EXPR_DEPTH, LIMIT_EXPR_NODES);
  page_heading(page, 3, "Literals and fields");
  rows_put(page, "written", literal_rows);
  page_heading(page, 3, "Operators, the one that binds strongest first");
  rows_put(page, "operator", level_rows);
  size_t n = expr_functions(NULL, 0);
  struct expr_function *list = mem_zalloc((n + 1) * sizeof *list);
  expr_functions(list, n);
  const char *group = "";
  for (size_t i = 0; i < n; i++) {
    if (strcmp(group, list[i].group) != 0) {
      group = list[i].group;
      char title[64];
      snprintf(title, sizeof title, "%c%s%s", group[0] - 'a' + 'A', group + 1,
               strcmp(group, "operator") == 0 ? "s and what they take" : " functions");
      page_heading(page, 3, title);
      page_rows(page, "signature");
    }
    page_row(page, list[i].signature, list[i].text);
  }
  free(list);
}

/* ------------------------------------------------------------------ metrics */

static void metrics_put_row(struct page *page, const struct metric *metric) {
  static const char *const scopes[] = {"", ", by `pipeline`", ", by `pipeline`, `component`"};
  struct buf text;
  buf_init(&text);
  buf_put_text(&text, metric_type_name(metric->type));
  if (metric->unit[0] != '\0') buf_printf(&text, " of %s", metric->unit);
  buf_put_text(&text, scopes[metric->scope]);
  if (metric->label[0] != '\0')
    buf_printf(&text, "%s `%s`", metric->scope == METRIC_OF_PROCESS ? ", by" : ",", metric->label);
  buf_printf(&text, ": %s.", metric->text);
  if (metric->alert[0] != '\0') buf_printf(&text, " Look when %s.", metric->alert);
  page_row(page, metric->name, buf_cstr(&text));
  buf_fini(&text);
}

static const struct row page_paths[] = {
    {"/metrics", "for Prometheus: text, or OpenMetrics when `Accept` asks for it"},
    {"/healthz", "200 while the program turns; wants no token"},
    {"/readyz",
     "200 when every pipeline has come back and takes input, else 503 and why, a line for "
     "each; wants no token"},
    {"/v1", "JSON: version, uptime, whether it is ready, the last reload, the names of pipelines"},
    {"/v1/pipelines", "JSON: of each its state, rates, watermark and what holds it up"},
    {"/v1/pipelines/NAME",
     "JSON: all about one: its components with rates, counts, errors, queues, "
     "state, watermarks, the positions of the first 64 partitions"},
    {NULL, NULL}};

static void admin_page_put(struct page *page) {
  page_heading(page, 2, "Admin port");
  page_text(page, "With `admin:` in the configuration (`admin: {}` for the defaults) or `tidemark "
                  "run --admin ADDRESS`. It shows and changes nothing; what components were "
                  "configured with is not shown. `tidemark top` and `tidemark lateness` ask it.");
  rows_put(page, "path", page_paths);
}

static void metrics_page_put(struct page *page) {
  page_heading(page, 2, "Metrics");
  page_text(page, "At `/metrics` of the admin port, as Prometheus text or OpenMetrics. Counters "
                  "begin at 0 when the program starts, and those of a pipeline again when a "
                  "reload changes it; what the log makes it do again after a "
                  "crash is not counted again. A series that has nothing to say yet (an error "
                  "that never came) is not there.");
  page_rows(page, "metric");
  for (int i = 0; i < METRICS; i++) metrics_put_row(page, &metric_table[i]);
}

void cli_reference_put(struct buf *out, bool man) {
  struct page page;
  page_begin(&page, man, man ? "Tidemark configuration" : "Reference", "tidemark.yaml", "5",
             "configuration of tidemark");
  page_text(&page,
            "A configuration is one YAML file, or a folder of them: files that name the same "
            "`pipeline` are one pipeline in parts, others are pipelines of their own. Made "
            "from the tables of the program by `tidemark list %s`.",
            man ? "--man5" : "--reference");
  page_code(&page, "yaml", example);
  page_text(&page,
            "Each component has a name, a `type` and the options of that type. Transforms and "
            "sinks say in `input` what they read: a component, or one of its ports as "
            "`component.port`.");
  values_put(&page);
  event_time_put(&page);
  page_heading(&page, 2, "Pipeline");
  page_pipeline(&page);
  page_heading(&page, 2, "Program");
  page_text(&page, "What is said once in a configuration, whatever pipelines it has: in one of its "
                   "files, beside a pipeline or alone.");
  page_daemon(&page);
  components_put(&page);
  promises_put(&page);
  parts_put(&page);
  aggregates_put(&page);
  expressions_put(&page);
  admin_page_put(&page);
  metrics_page_put(&page);
  messages_put(&page);
  if (man) {
    page_heading(&page, 2, "See also");
    page_text(&page, "`tidemark`(1)");
  }
  buf_put(out, page.out.data, page.out.len);
  page_end(&page);
}
