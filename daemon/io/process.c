/* process: hands on to the implementation. */
#include "daemon/io/process.h"

int process_check(struct processes *processes, const struct process_command *command,
                  struct err *err) {
  return processes->ops->check(processes, command, err);
}

int process_start(struct processes *processes, const struct process_command *command,
                  const struct process_events *events, struct process **process, struct err *err) {
  return processes->ops->start(processes, command, events, process, err);
}

int64_t process_id(const struct process *process) {
  return process->processes->ops->id(process);
}

void process_want(struct process *process, enum process_stream stream, bool wanted) {
  process->processes->ops->want(process, stream, wanted);
}

int process_read(struct process *process, enum process_stream stream, void *data, size_t len,
                 size_t *got, bool *ended, struct err *err) {
  return process->processes->ops->read(process, stream, data, len, got, ended, err);
}

bool process_exited(const struct process *process, struct process_exit *how) {
  return process->processes->ops->exited(process, how);
}

void process_stop(struct process *process, int64_t kill_after_us) {
  process->processes->ops->stop(process, kill_after_us);
}

void process_close(struct process *process) {
  if (process != NULL) process->processes->ops->close(process);
}

void processes_free(struct processes *processes) {
  if (processes != NULL) processes->ops->free(processes);
}
