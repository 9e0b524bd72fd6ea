/* kafka_real_client: the queues, the requests and the troubles of a client; see kafka_real.h. */
#include "daemon/base/mem.h"
#include "daemon/io/kafka_real.h"
#include "daemon/io/loop_real.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* librdkafka's log levels are syslog's; what is less than an error librdkafka gets over by itself.
 */
#define LOG_LEVEL_ERROR 3

void kafka_client_init(struct kafka_client *client, struct real_kafka *kafka, rd_kafka_t *rk,
                       struct kafka_secrets secrets, kafka_trouble_fn *trouble, void *arg) {
  client->kafka = kafka;
  client->rk = rk;
  client->secrets = secrets;
  client->trouble = trouble;
  client->arg = arg;
  atomic_init(&client->closing, false);
  client->exec = exec_new(kafka->threads, kafka->loop, "kafka");
}

static void request_free(struct kafka_request *request) {
  if (request->prev != NULL)
    request->prev->next = request->next;
  else
    request->client->requests = request->next;
  if (request->next != NULL) request->next->prev = request->prev;
  if (request->fini != NULL) request->fini(request);
  free(request);
}

void kafka_client_stop(struct kafka_client *client) {
  atomic_store(&client->closing, true);
  exec_free(client->exec);
  client->exec = NULL;
  while (client->requests != NULL) request_free(client->requests);
}

void kafka_client_fini(struct kafka_client *client) {
  /* A consumer has left its group by now, or cannot; there is nothing more to wait for. */
  rd_kafka_destroy_flags(client->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  kafka_secrets_fini(&client->secrets);
}

/* ------------------------------------------------------------------ queues */

static void on_event(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct kafka_queue *queue = arg;
  uint64_t count;
  if (read(fd, &count, sizeof count) != sizeof count) return; /* somebody has looked already */
  queue->fn(queue->arg);
}

void kafka_queue_watch(struct kafka_queue *queue, struct kafka_client *client, rd_kafka_queue_t *of,
                       loop_fn *fn, void *arg) {
  queue->queue = of;
  queue->fn = fn;
  queue->arg = arg;
  queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (queue->fd < 0) abort();
  queue->event = event_new(loop_real_base(client->kafka->loop), queue->fd, EV_READ | EV_PERSIST,
                           on_event, queue);
  if (queue->event == NULL) abort();
  event_add(queue->event, NULL);
  uint64_t one = 1;
  rd_kafka_queue_io_event_enable(of, queue->fd, &one, sizeof one);
  /* What came before is not told of. */
  if (write(queue->fd, &one, sizeof one) != sizeof one) abort();
}

void kafka_queue_fini(struct kafka_queue *queue) {
  if (queue->queue == NULL) return;
  rd_kafka_queue_io_event_enable(queue->queue, -1, NULL, 0);
  rd_kafka_queue_destroy(queue->queue);
  event_free(queue->event);
  close(queue->fd);
  queue->queue = NULL;
}

/* ------------------------------------------------------------------ requests */

static void request_run(void *arg) {
  struct kafka_request *request = arg;
  if (!atomic_load(&request->client->closing)) request->run(request);
}

static void request_done(void *arg) {
  struct kafka_request *request = arg;
  request->done(request);
  request_free(request);
}

void kafka_request_submit(struct kafka_client *client, struct kafka_request *request) {
  request->client = client;
  request->next = client->requests;
  if (request->next != NULL) request->next->prev = request;
  client->requests = request;
  exec_submit(client->exec, (struct exec_job){request_run, request_done, request});
}

/* ------------------------------------------------------------------ troubles */

static enum kafka_trouble trouble_of(rd_kafka_resp_err_t code) {
  switch (code) {
  case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: return KAFKA_ALL_DOWN;
  case RD_KAFKA_RESP_ERR__TRANSPORT:
  case RD_KAFKA_RESP_ERR__RESOLVE:
  case RD_KAFKA_RESP_ERR__TIMED_OUT:
  case RD_KAFKA_RESP_ERR__NODE_UPDATE: return KAFKA_BROKER_DOWN;
  default: return kafka_code(code) == ERR_CONFIG ? KAFKA_REFUSED : KAFKA_OTHER;
  }
}

void kafka_client_trouble(struct kafka_client *client, rd_kafka_resp_err_t code, const char *text) {
  char hidden[1024];
  if (client->trouble == NULL) return;
  if (text == NULL || *text == '\0') text = rd_kafka_err2str(code);
  client->trouble(client->arg, trouble_of(code),
                  kafka_hide(&client->secrets, text, hidden, sizeof hidden));
}

void kafka_client_event(struct kafka_client *client, rd_kafka_event_t *event) {
  char hidden[1024], fatal[512];
  const char *facility, *text;
  int level;
  switch (rd_kafka_event_type(event)) {
  case RD_KAFKA_EVENT_LOG:
    if (client->trouble == NULL || rd_kafka_event_log(event, &facility, &text, &level) != 0) break;
    if (level > LOG_LEVEL_ERROR) break;
    client->trouble(client->arg, KAFKA_OTHER,
                    kafka_hide(&client->secrets, text, hidden, sizeof hidden));
    break;
  case RD_KAFKA_EVENT_ERROR:
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__FATAL)
      kafka_client_trouble(client, rd_kafka_fatal_error(client->rk, fatal, sizeof fatal), fatal);
    else
      kafka_client_trouble(client, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    break;
  default: break;
  }
}
