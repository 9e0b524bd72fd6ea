/* socket: the source that reads lines from TCP, UDP and unix sockets.
 *
 * All that comes to one listener is one partition; its position is the number of bytes taken, with
 * the line ends that were added. Lines of one connection, and the lines within a datagram, keep
 * their order. What was taken is in the log; what is still in a buffer of the system or in a line
 * that has not ended is lost in a crash, and no peer can be told from where to go on.
 *
 * What has to go on over a reload is in the server (socket_server.h), which passes from the old
 * source to the new one as it is, or gives its connections to the new one's. */
#include "daemon/base/mem.h"
#include "daemon/flow/metrics.h"
#include "daemon/io/address.h"
#include "sources/lines.h"
#include "sources/socket/socket_server.h"
#include "sources/sources.h"

#include <stdlib.h>

struct socket_source {
  /* options */
  int mode;
  const char *address, *path, *rights;
  int64_t connections_max;
  int64_t idle_timeout_us;
  uint64_t receive_buffer_bytes;
  /* run */
  struct source_ctx *ctx;
  struct socket_server *server;
  uint32_t partition;
  uint64_t position;
};

static const char *const mode_names[] = {"tcp", "udp", "unix", "unixgram", NULL};

static const char *const notes[] = {
    "A line ends with a newline (a carriage return before it is white space to JSON). A half "
    "line is a record when its connection is closed in good order, and lost, with the message "
    "socket-half-lost, when the connection is cut or `idle_timeout` closes it. A line longer "
    "than `max_line` goes to the port `errors` with its beginning as soon as it ends; more than "
    "its first `max_line` bytes are never held.",
    "Nothing tells a peer how far its lines were taken. What was taken is in the log and "
    "survives a crash; what was still in a buffer of the system, or in a line without an end, "
    "does not. Where that is not enough, take a source that acknowledges or can be read again.",
    "When the pipeline does not keep up, tcp, unix and unixgram are not read and their senders "
    "wait. Datagrams of udp cannot wait: the system drops what does not fit into "
    "`receive_buffer`; what it says of that is counted in "
    "`tidemark_socket_dropped_datagrams_total` and said as socket-dropped.",
    "Over a reload the listener and its connections stay, whatever options change; a changed "
    "address is bound before the old one is left, and connections that came by the old one go "
    "on.",
    NULL};

static const struct option socket_options[] = {
    {.name = "mode",
     .type = OPTION_ENUM,
     .offset = offsetof(struct socket_source, mode),
     .required = true,
     .names = mode_names,
     .text = "tcp and unix: connections; udp and unixgram: datagrams of one or more lines"},
    {.name = "address",
     .type = OPTION_TEXT,
     .offset = offsetof(struct socket_source, address),
     .text = "tcp, udp: host:port or [v6]:port to listen on; without a host, every address"},
    {.name = "path",
     .type = OPTION_TEXT,
     .offset = offsetof(struct socket_source, path),
     .text = "unix, unixgram: the socket's file; one that nobody listens on any more is replaced"},
    {.name = "file_mode",
     .type = OPTION_TEXT,
     .offset = offsetof(struct socket_source, rights),
     .text = "unix, unixgram: rights of the file in octal, such as 0660; by default the umask's"},
    {.name = "max_connections",
     .type = OPTION_INT,
     .offset = offsetof(struct socket_source, connections_max),
     .fallback = "256",
     .min = 1,
     .max = 1000000,
     .text = "tcp, unix: more callers wait until one leaves; each may make us hold a max_line"},
    {.name = "idle_timeout",
     .type = OPTION_DURATION,
     .offset = offsetof(struct socket_source, idle_timeout_us),
     .fallback = "0",
     .min = 0,
     .max = INT64_MAX,
     .text = "tcp, unix: a connection that says nothing for so long is closed; 0: never"},
    {.name = "receive_buffer",
     .type = OPTION_SIZE,
     .offset = offsetof(struct socket_source, receive_buffer_bytes),
     .text = "udp, unixgram: what the system holds for us, up to net.core.rmem_max; default: its"},
    {0}};

static bool is_unix(const struct socket_source *source) {
  return source->mode == SOCKET_UNIX || source->mode == SOCKET_UNIXGRAM;
}

static bool has_connections(const struct socket_source *source) {
  return source->mode == SOCKET_TCP || source->mode == SOCKET_UNIX;
}

/* In the words of net.h; free(). */
static char *address_of(const struct socket_source *source) {
  return is_unix(source) ? mem_printf("unix:%s", source->path) : mem_strdup(source->address);
}

static bool same_place(const struct socket_source *one, const struct socket_source *other) {
  if (one->mode != other->mode) return false;
  return is_unix(one) ? strcmp(one->path, other->path) == 0
                      : strcmp(one->address, other->address) == 0;
}

/* -1: not octal, or more than rights. */
static int rights_of(const struct socket_source *source) {
  char *end;
  long rights = strtol(source->rights, &end, 8);
  bool digits = source->rights[0] >= '0' && source->rights[0] <= '7' && *end == '\0';
  return digits && rights <= 0777 ? (int)rights : -1;
}

static void only_for(const struct node *node, struct config_errors *errors, const char *option,
                     bool allowed, const char *modes) {
  const struct node *found = node_get(node, option);
  if (found != NULL && !allowed)
    config_error_add(errors, found->place, "%s is for mode: %s", option, modes);
}

static void socket_check(const void *instance, const struct node *node,
                         struct config_errors *errors) {
  const struct socket_source *source = instance;
  only_for(node, errors, "address", !is_unix(source), "tcp and udp; here it is path");
  only_for(node, errors, "path", is_unix(source), "unix and unixgram; here it is address");
  only_for(node, errors, "file_mode", is_unix(source), "unix and unixgram");
  only_for(node, errors, "max_connections", has_connections(source), "tcp and unix");
  only_for(node, errors, "idle_timeout", has_connections(source), "tcp and unix");
  only_for(node, errors, "receive_buffer", !has_connections(source), "udp and unixgram");
  const char *wanted = is_unix(source) ? "path" : "address";
  const struct node *place = node_get(node, wanted);
  if (place == NULL) {
    config_error_add(errors, node->place, "mode: %s wants the option %s", mode_names[source->mode],
                     wanted);
    return;
  }
  char *text = address_of(source);
  struct address address;
  struct err err;
  if (address_parse(text, &address, &err) != 0)
    config_error_add(errors, place->place, "%s", err.text);
  free(text);
  if (source->rights != NULL && is_unix(source) && rights_of(source) < 0)
    config_error_add(errors, node_get(node, "file_mode")->place,
                     "rights are three octal digits such as 0660");
}

static int socket_flags(const void *instance) {
  (void)instance;
  return 0;
}

static bool socket_bounded(const void *instance) {
  (void)instance;
  return false;
}

static int server_bind(struct socket_source *source, struct io *io, struct err *err) {
  char *address = address_of(source);
  source->server = socket_server_new(io, source->mode, address, err);
  free(address);
  return source->server != NULL ? 0 : -1;
}

static int set_rights(struct socket_source *source, struct err *err) {
  if (source->rights == NULL) return 0;
  unsigned rights = (unsigned)rights_of(source);
  return source->server->listener != NULL
             ? net_listener_set_mode(source->server->listener, rights, err)
             : datagram_set_mode(source->server->datagram, rights, err);
}

static int set_buffer(struct socket_source *source, struct err *err) {
  uint64_t wanted = source->receive_buffer_bytes, granted;
  if (wanted == 0) return 0;
  if (datagram_set_buffer(source->server->datagram, wanted, &granted, err) != 0) return -1;
  if (granted < wanted)
    diag_say(source->ctx->diag, MESSAGE_SOCKET_BUFFER, source->ctx->where,
             "receive_buffer asks for %llu bytes, the system gives %llu: see net.core.rmem_max",
             (unsigned long long)wanted, (unsigned long long)granted);
  return 0;
}

static int socket_open(void *instance, struct source_ctx *ctx, struct err *err) {
  struct socket_source *source = instance;
  source->ctx = ctx;
  if (source_partition_count(ctx) > 0)
    source->position = source_partition_get(ctx, 0)->position;
  else
    source->partition = source_partition_add(ctx, slice_of("socket"), (struct slice){NULL, 0});
  if (source->server == NULL && server_bind(source, ctx->io, err) != 0) return -1;
  if (set_rights(source, err) != 0 || set_buffer(source, err) != 0) return -1;
  diag_say(ctx->diag, MESSAGE_SOCKET_OPENED, ctx->where, "listening on %s %s",
           mode_names[source->mode], socket_server_address(source->server));
  socket_server_start(source->server, ctx, (size_t)source->connections_max,
                      source->idle_timeout_us);
  return 0;
}

static int socket_take(void *instance, struct take *take, struct err *err) {
  struct socket_source *source = instance;
  uint64_t line_max = source->ctx->common->line_max_bytes;
  struct line_input input;
  /* Of a line that is too long nothing but what shows it to be so is kept, with its end. */
  line_input_begin(&input, take, source->partition, &source->position, line_max, line_max + 2);
  bool more = false;
  int result = socket_server_take(source->server, &input, &more, err);
  line_input_end(&input);
  if (more) source_ready(source->ctx);
  return result;
}

static void socket_stop(void *instance) {
  struct socket_source *source = instance;
  if (source->server != NULL) socket_server_end(source->server);
}

static int socket_claim(void *instance, struct io *io, const struct diag *diag, const void *old,
                        struct err *err) {
  (void)diag;
  struct socket_source *source = instance;
  if (old != NULL && same_place(source, old)) return 0;
  return server_bind(source, io, err);
}

static void socket_adopt(void *instance, void *old) {
  struct socket_source *source = instance, *before = old;
  if (before->server == NULL) return;
  socket_server_pause(before->server);
  if (source->server == NULL) {
    source->server = before->server;
    before->server = NULL;
  } else {
    socket_server_move(source->server, before->server);
  }
}

static void socket_metrics(const void *instance, struct metrics *metrics) {
  const struct socket_source *source = instance;
  const struct socket_server *server = source->server;
  if (server == NULL) return;
  if (has_connections(source)) {
    metrics_put(metrics, METRIC_SOCKET_CONNECTIONS, NULL, (double)server->n_conns);
    metrics_put(metrics, METRIC_SOCKET_ACCEPTED, NULL, (double)server->accepted);
    metrics_put(metrics, METRIC_SOCKET_IDLE, NULL, (double)server->idle_closed);
    metrics_put(metrics, METRIC_SOCKET_HALVES_LOST, NULL, (double)server->halves_lost);
  } else {
    metrics_put(metrics, METRIC_SOCKET_DROPPED, NULL, (double)server->dropped);
  }
}

static void socket_close(void *instance) {
  struct socket_source *source = instance;
  socket_server_free(source->server);
  source->server = NULL;
}

const struct source_plugin source_socket = {
    .type = {.name = "socket",
             .text = "lines from TCP, UDP or unix sockets",
             .notes = notes,
             .options = socket_options,
             .instance_bytes = sizeof(struct socket_source),
             .check = socket_check},
    .promise = SOURCE_FORGOTTEN,
    .flags = socket_flags,
    .bounded = socket_bounded,
    .open = socket_open,
    .take = socket_take,
    .stop = socket_stop,
    .handover = {.claim = socket_claim, .adopt = socket_adopt},
    .metrics = socket_metrics,
    .close = socket_close,
};
