/* tidemark top: what a running daemon does, drawn anew every second. */
#include "daemon/cli.h"

#include "config/value.h"
#include "daemon/ask.h"
#include "daemon/record/json_text.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct top {
  struct cli *cli;
  struct ask ask;
  const char *pipeline; /* NULL: all */
  int64_t every_us;
  bool once, stopped;
  struct arena arena; /* of one frame */
};

/* ------------------------------------------------------------------ words */

/* "12", "1.2k", "35M": at most five characters. */
static const char *amount(struct top *top, double number) {
  static const char units[] = " kMGTP";
  int unit = 0;
  while (number >= 999.5 && units[unit + 1] != '\0') {
    number /= 1000;
    unit++;
  }
  if (unit == 0) return arena_printf(&top->arena, "%.0f", number);
  return arena_printf(&top->arena, number < 9.95 ? "%.1f%c" : "%.0f%c", number, units[unit]);
}

static const char *bytes(struct top *top, double number) {
  return arena_printf(&top->arena, "%sB", amount(top, number));
}

/* "350ms", "2.4s", "5m", "3h", "2d" */
static const char *duration(struct top *top, double seconds) {
  const char *sign = seconds < 0 ? "-" : "";
  seconds = fabs(seconds);
  if (seconds < 0.9995) return arena_printf(&top->arena, "%s%.0fms", sign, seconds * 1000);
  if (seconds < 99.95) return arena_printf(&top->arena, "%s%.1fs", sign, seconds);
  if (seconds < 6000) return arena_printf(&top->arena, "%s%.0fm", sign, seconds / 60);
  if (seconds < 48 * 3600) return arena_printf(&top->arena, "%s%.0fh", sign, seconds / 3600);
  return arena_printf(&top->arena, "%s%.0fd", sign, seconds / 86400);
}

static const char *lag_of(struct top *top, struct slice object) {
  struct slice member;
  if (!ask_member(object, "watermark_lag_seconds", &member)) return "-";
  return duration(top, ask_number(object, "watermark_lag_seconds"));
}

/* What came from the daemon must not move the cursor. */
static void put_clean(struct buf *out, const char *text) {
  for (; *text != '\0'; text++) buf_put_char(out, (unsigned char)*text < 0x20 ? ' ' : *text);
}

/* ------------------------------------------------------------------ a frame */

static double sum_of(struct slice object, const char *name) {
  struct slice members, member_name, member;
  double sum = 0;
  size_t at = 0;
  if (!ask_member(object, name, &members)) return 0;
  while (json_text_next(members, &at, &member_name, &member) == 1) {
    struct slice digits = member;
    double number = 0;
    for (size_t i = 0; i < digits.len && digits.data[i] >= '0' && digits.data[i] <= '9'; i++)
      number = number * 10 + (digits.data[i] - '0');
    sum += number;
  }
  return sum;
}

static void component_note(struct top *top, struct slice component, struct buf *out) {
  const char *kind = ask_text(component, "kind", &top->arena);
  struct slice member;
  if (strcmp(kind, "source") == 0 && ask_member(component, "partitions", &member)) {
    double total = ask_number(member, "total");
    buf_printf(out, "%.0f partition%s", total, total == 1 ? "" : "s");
    if (ask_number(member, "idle") > 0) buf_printf(out, ", %.0f idle", ask_number(member, "idle"));
    const char *holds = ask_text(member, "holds_watermark_back", &top->arena);
    if (holds[0] != '\0' && total > 1) {
      buf_put_text(out, ", last: ");
      put_clean(out, holds);
    }
  } else if (strcmp(kind, "sink") == 0) {
    buf_printf(out, "queue %s", bytes(top, ask_number(component, "queued_bytes")));
    if (ask_number(component, "retries") > 0)
      buf_printf(out, ", %.0f retries", ask_number(component, "retries"));
    if (ask_member(component, "waiting_to_retry", &member) && slice_is(member, "true"))
      buf_put_text(out, ", waiting");
  } else if (ask_member(component, "state_bytes", &member)) {
    buf_printf(out, "state %s", bytes(top, ask_number(component, "state_bytes")));
    if (ask_member(component, "state_keys", &member))
      buf_printf(out, ", %s keys", amount(top, ask_number(component, "state_keys")));
  }
}

static void component_put(struct top *top, struct slice component, struct buf *out) {
  struct arena *arena = &top->arena;
  const char *type = arena_printf(arena, "%s/%s", ask_text(component, "kind", arena),
                                  ask_text(component, "type", arena));
  buf_printf(out, "  %-16s %-18s %8s %8s %7s %7s  ", ask_text(component, "name", arena), type,
             amount(top, ask_number(component, "records_in_per_second")),
             amount(top, ask_number(component, "records_out_per_second")),
             amount(top, sum_of(component, "errors")), amount(top, ask_number(component, "late")));
  component_note(top, component, out);
  buf_put_char(out, '\n');
}

/* The causes that took more than a hundredth of the last seconds. */
static void held_put(struct slice pipeline, struct buf *out) {
  struct slice causes, name, share;
  size_t at = 0;
  if (!ask_member(pipeline, "backpressure", &causes)) return;
  while (json_text_next(causes, &at, &name, &share) == 1) {
    struct buf cause;
    buf_init(&cause);
    buf_put_slice(&cause, name);
    double held = ask_number(causes, buf_cstr(&cause));
    if (held > 0.01) buf_printf(out, "  waits for %s %.0f %%", buf_cstr(&cause), 100 * held);
    buf_fini(&cause);
  }
}

static void pipeline_put(struct top *top, struct slice pipeline, struct buf *out) {
  struct arena *arena = &top->arena;
  buf_printf(out, "\n%s  %s  in %s/s  out %s/s  lag %s", ask_text(pipeline, "name", arena),
             ask_text(pipeline, "state", arena),
             amount(top, ask_number(pipeline, "records_in_per_second")),
             amount(top, ask_number(pipeline, "records_out_per_second")), lag_of(top, pipeline));
  held_put(pipeline, out);
  const char *error = ask_text(pipeline, "error", arena);
  if (error[0] != '\0') {
    buf_put_text(out, "\n  ");
    put_clean(out, error);
  }
  struct slice memory, epochs;
  if (ask_member(pipeline, "memory", &memory) && ask_member(pipeline, "epochs", &epochs)) {
    buf_printf(out, "\n  epoch %.0f, snapshot %.0f  queues %s of %s  state %s of %s",
               ask_number(epochs, "newest"), ask_number(epochs, "snapshot"),
               bytes(top, ask_number(memory, "queued_bytes")),
               bytes(top, ask_number(memory, "queue_limit_bytes")),
               bytes(top, ask_number(memory, "state_bytes")),
               bytes(top, ask_number(memory, "limit_bytes")));
  }
  buf_printf(out, "\n  %-16s %-18s %8s %8s %7s %7s\n", "COMPONENT", "TYPE", "IN/S", "OUT/S",
             "ERRORS", "LATE");
  struct slice components, empty, component;
  size_t at = 0;
  if (!ask_member(pipeline, "components", &components)) return;
  while (json_text_next(components, &at, &empty, &component) == 1)
    component_put(top, component, out);
}

static int frame_put(struct top *top, struct buf *out, struct err *err) {
  struct buf daemon, pipeline;
  buf_init(&daemon);
  buf_init(&pipeline);
  int result = ask_get(&top->ask, "/v1", &daemon, err);
  struct slice names, empty, name, member;
  if (result == 0) {
    struct slice v1 = buf_slice(&daemon);
    bool ready = ask_member(v1, "ready", &member) && slice_is(member, "true");
    buf_printf(out, "tidemark %s  %s  up %s  %s\n", ask_text(v1, "version", &top->arena),
               top->ask.address, duration(top, ask_number(v1, "uptime_seconds")),
               ready ? "ready" : "not ready");
  }
  size_t at = 0;
  bool found = false;
  if (result == 0 && ask_member(buf_slice(&daemon), "pipelines", &names)) {
    while (result == 0 && json_text_next(names, &at, &empty, &name) == 1) {
      struct value value;
      if (json_text_value(name, &top->arena, &value) != 0 || value.type != VALUE_TEXT) continue;
      if (top->pipeline != NULL && !slice_is(value_slice(&value), top->pipeline)) continue;
      found = true;
      buf_clear(&pipeline);
      const char *path =
          arena_printf(&top->arena, "/v1/pipelines/%.*s", (int)value.len, value.data);
      result = ask_get(&top->ask, path, &pipeline, err);
      if (result == 0) pipeline_put(top, buf_slice(&pipeline), out);
    }
  }
  if (result == 0 && !found && top->pipeline != NULL)
    result = err_set(err, ERR_NOINPUT, "%s has no pipeline %s", top->ask.address, top->pipeline);
  buf_fini(&daemon);
  buf_fini(&pipeline);
  return result;
}

/* From the upper left corner, each line to its end, without wrapping. */
static void draw(const struct buf *frame) {
  struct buf out;
  buf_init(&out);
  buf_put_text(&out, "\033[?7l\033[H");
  for (size_t i = 0; i < frame->len; i++) {
    if (frame->data[i] == '\n') buf_put_text(&out, "\033[K");
    buf_put_char(&out, frame->data[i]);
  }
  buf_put_text(&out, "\033[J\033[?7h");
  fwrite(out.data, 1, out.len, stdout);
  fflush(stdout);
  buf_fini(&out);
}

/* ------------------------------------------------------------------ the command */

static void signalled(void *arg) {
  struct top *top = arg;
  top->stopped = true;
}

static int frames(struct top *top) {
  struct io *io = &top->cli->io;
  struct err err;
  if (loop_on_signal(io->loop, SIGINT, signalled, top, &err) != 0 ||
      loop_on_signal(io->loop, SIGTERM, signalled, top, &err) != 0) {
    return cli_error(top->cli, &err);
  }
  struct buf frame;
  buf_init(&frame);
  fputs("\033[2J", stdout);
  int status = 0;
  while (!top->stopped && status == 0) {
    buf_clear(&frame);
    arena_reset(&top->arena);
    if (frame_put(top, &frame, &err) != 0) {
      buf_put_text(&frame, "\n");
      put_clean(&frame, err.text);
      buf_put_text(&frame, "; asking again\n");
    }
    draw(&frame);
    int64_t until_us = clock_mono_us(io->clock) + top->every_us, left_us;
    while (!top->stopped && status == 0 && (left_us = until_us - clock_mono_us(io->clock)) > 0) {
      if (loop_wait(io->loop, left_us, &err) != 0) status = cli_error(top->cli, &err);
    }
  }
  buf_fini(&frame);
  return status;
}

static int once(struct top *top) {
  struct buf frame;
  struct err err;
  buf_init(&frame);
  int result = frame_put(top, &frame, &err);
  if (result == 0) fwrite(frame.data, 1, frame.len, stdout);
  buf_fini(&frame);
  return result == 0 ? 0 : cli_error(top->cli, &err);
}

static int top_main(struct cli *cli) {
  struct top top = {.cli = cli, .every_us = 1000 * 1000, .once = isatty(STDOUT_FILENO) == 0};
  const char *address = ASK_DEFAULT_ADDRESS;
  for (int i = 1; i < cli->argc; i++) {
    const char *option = cli->argv[i];
    if (strcmp(option, "--once") == 0) {
      top.once = true;
    } else if (strcmp(option, "--admin") == 0 || strcmp(option, "--every") == 0) {
      if (++i == cli->argc) return cli_usage(cli, "%s wants a value", option);
      if (option[2] == 'a')
        address = cli->argv[i];
      else if (value_parse_duration(slice_of(cli->argv[i]), &top.every_us) != 0 ||
               top.every_us < 100 * 1000)
        return cli_usage(cli, "--every wants a duration of 100ms or more, not %s", cli->argv[i]);
    } else if (option[0] == '-') {
      return cli_usage(cli, "unknown option %s", option);
    } else if (top.pipeline != NULL) {
      return cli_usage(cli, "one pipeline is wanted");
    } else {
      top.pipeline = option;
    }
  }
  arena_init(&top.arena, 16 << 10);
  ask_open(&top.ask, &cli->io, address);
  int status = top.once ? once(&top) : frames(&top);
  ask_close(&top.ask);
  arena_fini(&top.arena);
  return status;
}

const struct cli_command cli_top = {
    .name = "top",
    .usage = "top [--admin ADDRESS] [--every DURATION] [--once] [PIPELINE]",
    .text = "show what a running daemon does: rates, lag, queues, errors of each component",
    .help = "\nDrawn anew every second, until a signal (Ctrl-C). Rates are those of the last five "
            "seconds; `waits for`\n"
            "says for which share of them nothing could be taken, and why.\n\n"
            "  --admin ADDRESS   the daemon's admin port; default " ASK_DEFAULT_ADDRESS "\n"
            "  --every DURATION  how often; default 1s\n"
            "  --once            print it once, as is also done when the output is no terminal\n\n"
            "TIDEMARK_ADMIN_TOKEN is shown to the daemon as its token.\n",
    .main = top_main,
};
