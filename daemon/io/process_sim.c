/* process_sim: each start plays the next program that sim_program() gave; see io_sim.h.
 *
 * What a program prints stands in a pipe of PIPE_BYTES and is read in drawn parts. It ends when its
 * time is over and all it has to print fits into the pipe, so a reader who does not read holds it.
 */
#include "daemon/io/process_sim.h"

#include "daemon/base/mem.h"
#include "daemon/io/io_sim.h"
#include "daemon/io/loop_sim.h"
#include "daemon/io/random.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PIPE_BYTES = 64 * 1024 };

struct planned {
  struct planned *next;
  struct sim_program program;
};

struct sim_processes {
  struct processes processes;
  struct loop *loop;
  struct random random;
  struct planned *first, **end;
  int64_t n_started, n_running;
};

struct stream {
  struct sim_source source;
  struct sim_process *process;
  enum process_stream number;
  size_t len, read;
  const char *bytes;
  bool wanted;
};

struct sim_process {
  struct process process;
  struct process_events events;
  struct sim_program program; /* its texts are its own */
  struct sim_source exits;
  struct stream streams[PROCESS_STREAMS];
  int64_t id, ends_us; /* when its time is over */
  int64_t kill_us;     /* when SIGKILL comes */
  bool exited;
  struct process_exit how;
};

static struct sim_processes *sim_of(const struct process *process) {
  return (struct sim_processes *)process->processes;
}

static void update(struct sim_process *p) {
  int64_t due_us = p->ends_us;
  for (int s = 0; s < PROCESS_STREAMS; s++) {
    struct stream *stream = &p->streams[s];
    if (stream->len - stream->read > PIPE_BYTES) due_us = SIM_NEVER;
    bool ready = stream->read < stream->len || p->exited;
    stream->source.due_us = stream->wanted && ready ? 0 : SIM_NEVER;
  }
  if (p->kill_us < due_us) due_us = p->kill_us;
  p->exits.due_us = p->exited ? SIM_NEVER : due_us;
}

/* What it has not got into the pipe by now is never printed. */
static void end(struct sim_process *p, struct process_exit how) {
  p->exited = true;
  p->how = how;
  for (int s = 0; s < PROCESS_STREAMS; s++) {
    struct stream *stream = &p->streams[s];
    if (stream->len - stream->read > PIPE_BYTES) stream->len = stream->read + PIPE_BYTES;
  }
  sim_of(&p->process)->n_running--;
  update(p);
}

static void run_exit(struct sim_source *source) {
  struct sim_process *p =
      (struct sim_process *)((char *)source - offsetof(struct sim_process, exits));
  bool killed = p->kill_us <= sim_now_us(sim_of(&p->process)->loop);
  end(p, killed                   ? (struct process_exit){.status = -1, .signal = SIGKILL}
         : p->program.signal != 0 ? (struct process_exit){.status = -1, .signal = p->program.signal}
                                  : (struct process_exit){.status = p->program.status});
  p->events.exited(p->events.arg);
}

static void run_stream(struct sim_source *source) {
  struct stream *stream = (struct stream *)((char *)source - offsetof(struct stream, source));
  struct sim_process *p = stream->process;
  p->events.readable[stream->number](p->events.arg);
}

static int sim_check(struct processes *processes, const struct process_command *command,
                     struct err *err) {
  const struct sim_processes *sim = (struct sim_processes *)processes;
  if (sim->first != NULL) return 0;
  return err_set(err, ERR_NOINPUT, "cannot run %s: No such file or directory", command->argv[0]);
}

static int sim_start(struct processes *processes, const struct process_command *command,
                     const struct process_events *events, struct process **out, struct err *err) {
  struct sim_processes *sim = (struct sim_processes *)processes;
  if (sim_check(processes, command, err) != 0) return -1;
  struct planned *planned = sim->first;
  sim->first = planned->next;
  if (sim->first == NULL) sim->end = &sim->first;
  struct sim_process *p = mem_zalloc(sizeof *p);
  p->process.processes = processes;
  p->events = *events;
  p->program = planned->program;
  free(planned);
  p->id = ++sim->n_started;
  sim->n_running++;
  int64_t now_us = sim_now_us(sim->loop);
  p->ends_us = p->program.run_us == SIM_NEVER ? SIM_NEVER : now_us + p->program.run_us;
  p->kill_us = SIM_NEVER;
  p->exits.run = run_exit;
  sim_source_add(sim->loop, &p->exits);
  for (int s = 0; s < PROCESS_STREAMS; s++) {
    const char *text = s == PROCESS_STDOUT ? p->program.out : p->program.err;
    p->streams[s] = (struct stream){.process = p, .number = s, .bytes = text, .len = strlen(text)};
    p->streams[s].source.run = run_stream;
    sim_source_add(sim->loop, &p->streams[s].source);
  }
  update(p);
  *out = &p->process;
  return 0;
}

static int64_t sim_id(const struct process *process) {
  return ((const struct sim_process *)process)->id;
}

static void sim_want(struct process *process, enum process_stream stream, bool wanted) {
  struct sim_process *p = (struct sim_process *)process;
  p->streams[stream].wanted = wanted;
  update(p);
}

static int sim_read(struct process *process, enum process_stream number, void *data, size_t len,
                    size_t *got, bool *ended, struct err *err) {
  (void)err;
  struct sim_process *p = (struct sim_process *)process;
  struct stream *stream = &p->streams[number];
  size_t rest = stream->len - stream->read;
  *ended = rest == 0 && p->exited && len > 0;
  if (len > rest) len = rest;
  *got = len == 0 ? 0 : 1 + (size_t)random_below(&sim_of(process)->random, len);
  if (*got > 0) memcpy(data, stream->bytes + stream->read, *got);
  stream->read += *got;
  update(p);
  return 0;
}

static bool sim_exited(const struct process *process, struct process_exit *how) {
  const struct sim_process *p = (const struct sim_process *)process;
  if (p->exited) *how = p->how;
  return p->exited;
}

static void sim_stop(struct process *process, int64_t kill_after_us) {
  struct sim_process *p = (struct sim_process *)process;
  int64_t now_us = sim_now_us(sim_of(process)->loop);
  if (p->exited || p->kill_us != SIM_NEVER) return;
  p->kill_us = now_us + kill_after_us;
  if (p->program.stop_us >= 0) {
    p->ends_us = now_us + p->program.stop_us;
    p->program.signal = p->program.stop_us == 0 ? SIGTERM : 0;
  }
  update(p);
}

static void sim_close(struct process *process) {
  struct sim_process *p = (struct sim_process *)process;
  if (!p->exited) end(p, (struct process_exit){.status = -1, .signal = SIGKILL});
  struct loop *loop = sim_of(process)->loop;
  sim_source_remove(loop, &p->exits);
  for (int s = 0; s < PROCESS_STREAMS; s++) sim_source_remove(loop, &p->streams[s].source);
  free((char *)(uintptr_t)p->program.out);
  free((char *)(uintptr_t)p->program.err);
  free(p);
}

static void sim_free(struct processes *processes) {
  struct sim_processes *sim = (struct sim_processes *)processes;
  while (sim->first != NULL) {
    struct planned *planned = sim->first;
    sim->first = planned->next;
    free((char *)(uintptr_t)planned->program.out);
    free((char *)(uintptr_t)planned->program.err);
    free(planned);
  }
  free(sim);
}

static const struct processes_ops sim_ops = {
    .check = sim_check,
    .start = sim_start,
    .id = sim_id,
    .want = sim_want,
    .read = sim_read,
    .exited = sim_exited,
    .stop = sim_stop,
    .close = sim_close,
    .free = sim_free,
};

struct processes *processes_sim_new(struct loop *loop, uint64_t seed) {
  struct sim_processes *sim = mem_zalloc(sizeof *sim);
  sim->processes.ops = &sim_ops;
  sim->loop = loop;
  sim->end = &sim->first;
  random_seed(&sim->random, seed);
  return &sim->processes;
}

void sim_program(struct processes *processes, struct sim_program program) {
  struct sim_processes *sim = (struct sim_processes *)processes;
  struct planned *planned = mem_zalloc(sizeof *planned);
  planned->program = program;
  planned->program.out = mem_strdup(program.out != NULL ? program.out : "");
  planned->program.err = mem_strdup(program.err != NULL ? program.err : "");
  *sim->end = planned;
  sim->end = &planned->next;
}

int64_t sim_programs_started(struct processes *processes) {
  return ((struct sim_processes *)processes)->n_started;
}

int64_t sim_programs_running(struct processes *processes) {
  return ((struct sim_processes *)processes)->n_running;
}
