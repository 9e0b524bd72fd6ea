/* fetch_real: requests by libcurl's multi interface on the real loop.
 *
 * libcurl says which sockets it wants watched (on_socket_wanted) and when it wants to be called at
 * the latest (on_timer_wanted); both wishes become events of the loop, and each event is one
 * curl_multi_socket_action(). Requests that have come to their end are taken up behind it, outside
 * of libcurl's own callbacks, so whoever is answered may start and cancel others.
 *
 * libcurl resolves names on threads of its own, and reads certificates when it connects.
 *
 * Whatever a server sends is bounded: headers by FETCH_HEADER_BYTES_MAX in all (also over any
 * number of interim answers), the body by the request, time by the request's timeout. */
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/io/fetch.h"
#include "daemon/io/loop_real.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct real_fetch {
  struct fetch fetch;
  struct loop *loop;
  bool started; /* libcurl is, from the first client on */
};

struct real_client {
  struct fetch_client client;
  struct loop *loop;
  CURLM *multi;
  struct loop_timer *timer;
  struct real_call *calls; /* list */
  struct fetch_options options;
};

/* A socket that libcurl wants watched. */
struct watch {
  struct real_client *client;
  struct event *event;
};

struct real_call {
  struct fetch_call call;
  struct real_client *client;
  struct real_call *prev, *next;
  CURL *easy;
  struct curl_slist *headers;
  char peer[FETCH_PEER_BYTES];
  char curl_text[CURL_ERROR_SIZE];
  int64_t timeout_us;
  size_t body_bytes_max;
  struct buf got_headers, got_body;
  size_t header_bytes; /* of all answers, interim ones too */
  bool headers_too_long;
  bool body_cut; /* there is more of the body, which was not wanted */
  fetch_fn *fn;
  void *arg;
};

static void must(CURLcode code) {
  if (code != CURLE_OK) abort(); /* an option this libcurl does not know: it cannot be ours */
}

/* ------------------------------------------------------------------ what goes wrong, as a sentence
 */

static int64_t connected_after_us(const struct real_call *call) {
  curl_off_t us = 0;
  curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
  return us;
}

static bool is_tls(const struct real_call *call) {
  const char *scheme = NULL;
  curl_easy_getinfo(call->easy, CURLINFO_SCHEME, &scheme);
  return scheme != NULL && strcasecmp(scheme, "https") == 0;
}

static void timed_out(const struct real_call *call, struct err *err) {
  if (connected_after_us(call) == 0)
    err_set(err, ERR_RETRY, "no connection to %s within its time; is it the right address?",
            call->peer);
  else if (call->got_headers.len == 0)
    err_set(err, ERR_RETRY, "%s has not answered within %.1f s", call->peer,
            (double)call->timeout_us / 1e6);
  else
    err_set(err, ERR_RETRY, "the answer of %s was not complete within %.1f s", call->peer,
            (double)call->timeout_us / 1e6);
}

static void explain(const struct real_call *call, CURLcode code, struct err *err) {
  const char *text = call->curl_text[0] != '\0' ? call->curl_text : curl_easy_strerror(code);
  long errnum = 0;
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
    err_set(err, ERR_RETRY, "cannot find the host of %s: the name server does not know it",
            call->peer);
    break;
  case CURLE_COULDNT_CONNECT:
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &errnum);
    err_set(err, ERR_RETRY, "cannot connect to %s: %s", call->peer,
            errnum != 0 ? strerror((int)errnum) : text);
    break;
  case CURLE_OPERATION_TIMEDOUT: timed_out(call, err); break;
  case CURLE_GOT_NOTHING:
    err_set(err, ERR_RETRY, "%s closed the connection without an answer", call->peer);
    break;
  case CURLE_PARTIAL_FILE:
    err_set(err, ERR_RETRY, "%s closed the connection in the middle of its answer", call->peer);
    break;
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
    /* TLS 1.3 lets us believe that all is well before it says that it wants a certificate. */
    err_set(err, ERR_RETRY, "the connection to %s broke: %s%s", call->peer, text,
            is_tls(call) && call->client->options.tls_certificate == NULL
                ? "; does it want a certificate of ours?"
                : "");
    break;
  case CURLE_PEER_FAILED_VERIFICATION:
    err_set(err, ERR_RETRY,
            "the certificate of %s is not to be trusted: %s; if it is right, give its authority",
            call->peer, text);
    break;
  case CURLE_SSL_CACERT_BADFILE:
    err_set(err, ERR_RETRY, "no TLS with %s: cannot read certificates from %s", call->peer,
            call->client->options.tls_ca != NULL ? call->client->options.tls_ca : "the system's");
    break;
  case CURLE_SSL_CERTPROBLEM:
    err_set(err, ERR_RETRY, "no TLS with %s: certificate %s or its key cannot be used: %s",
            call->peer,
            call->client->options.tls_certificate != NULL ? call->client->options.tls_certificate
                                                          : "(none)",
            text);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    err_set(err, ERR_RETRY, "no TLS with %s: %s", call->peer, text);
    break;
  case CURLE_WRITE_ERROR:
  case CURLE_UNSUPPORTED_PROTOCOL: /* of an answer without a status line */
  case CURLE_WEIRD_SERVER_REPLY:
    if (call->headers_too_long)
      err_set(err, ERR_RETRY,
              "the headers %s answers with are longer than %d KiB; is it a web server?", call->peer,
              FETCH_HEADER_BYTES_MAX / 1024);
    else
      err_set(err, ERR_RETRY, "what %s answers is not HTTP: %s; is it the right port?", call->peer,
              text);
    break;
  default: err_set(err, ERR_RETRY, "%s: %s", call->peer, text);
  }
}

/* ------------------------------------------------------------------ calls */

static void call_free(struct real_call *call) {
  curl_multi_remove_handle(call->client->multi, call->easy);
  curl_easy_cleanup(call->easy);
  curl_slist_free_all(call->headers);
  buf_fini(&call->got_headers);
  buf_fini(&call->got_body);
  if (call->next != NULL) call->next->prev = call->prev;
  if (call->prev != NULL)
    call->prev->next = call->next;
  else
    call->client->calls = call->next;
  free(call);
}

/* An answer whose body was cut is complete as far as anybody asked. */
static void call_done(struct real_call *call, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  struct err err;
  bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && call->body_cut);
  if (!answered)
    explain(call, code, &err);
  else if (status < 100 || status > 999) {
    err_set(&err, ERR_RETRY, "what %s answers has no status; is it the right port?", call->peer);
    answered = false;
  }
  struct fetch_answer answer = {.status = (int)status,
                                .headers = buf_slice(&call->got_headers),
                                .body = buf_slice(&call->got_body)};
  fetch_fn *fn = call->fn;
  void *arg = call->arg;
  if (!answered) {
    call_free(call);
    fn(arg, NULL, &err);
    return;
  }
  /* What fn is given lives in the call, which it must not reach any more. */
  struct buf headers = call->got_headers, body = call->got_body;
  buf_init(&call->got_headers);
  buf_init(&call->got_body);
  call_free(call);
  fn(arg, &answer, NULL);
  buf_fini(&headers);
  buf_fini(&body);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg) {
  struct real_call *call = arg;
  size_t len = size * n;
  call->header_bytes += len;
  if (call->header_bytes > FETCH_HEADER_BYTES_MAX) {
    call->headers_too_long = true;
    return 0;
  }
  /* The headers of an interim answer (100, 103) are none of the answer's. */
  if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) buf_clear(&call->got_headers);
  buf_put(&call->got_headers, data, len);
  return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg) {
  struct real_call *call = arg;
  size_t len = size * n, room = call->body_bytes_max - call->got_body.len;
  buf_put(&call->got_body, data, len < room ? len : room);
  if (len <= room) return len;
  call->body_cut = true;
  return 0;
}

/* ------------------------------------------------------------------ the loop's side */

static void take_up_done(struct real_client *client) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    char *call = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    call_done((struct real_call *)(void *)call, code);
  }
}

static void act(struct real_client *client, curl_socket_t socket, int what) {
  int running;
  curl_multi_socket_action(client->multi, socket, what, &running);
  take_up_done(client);
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
  struct watch *watch = arg;
  int bits = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
             ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
  act(watch->client, fd, bits); /* may free the watch */
}

static void on_timer(void *arg) {
  act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *client_arg,
                            void *watch_arg) {
  (void)easy;
  struct real_client *client = client_arg;
  struct watch *watch = watch_arg;
  if (watch != NULL && watch->event != NULL) {
    event_free(watch->event);
    watch->event = NULL;
  }
  if (what == CURL_POLL_REMOVE) {
    free(watch);
    curl_multi_assign(client->multi, fd, NULL);
    return 0;
  }
  if (watch == NULL) {
    watch = mem_zalloc(sizeof *watch);
    watch->client = client;
    curl_multi_assign(client->multi, fd, watch);
  }
  short events = EV_PERSIST;
  if ((what & CURL_POLL_IN) != 0) events |= EV_READ;
  if ((what & CURL_POLL_OUT) != 0) events |= EV_WRITE;
  watch->event = event_new(loop_real_base(client->loop), fd, events, on_event, watch);
  if (watch->event == NULL) abort();
  event_add(watch->event, NULL);
  return 0;
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *arg) {
  (void)multi;
  struct real_client *client = arg;
  if (timeout_ms < 0)
    loop_timer_disarm(client->timer);
  else
    loop_timer_arm(client->timer, (int64_t)timeout_ms * 1000);
  return 0;
}

static curl_socket_t on_socket_new(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)arg, (void)purpose;
  /* No program that we start shall hold our connections. */
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ------------------------------------------------------------------ the calls of fetch.h */

static char *copy(const char *text) {
  return text != NULL ? mem_strdup(text) : NULL;
}

static struct fetch_client *real_client_new(struct fetch *base,
                                            const struct fetch_options *options) {
  struct real_fetch *fetch = (struct real_fetch *)base;
  if (!fetch->started) must(curl_global_init(CURL_GLOBAL_DEFAULT));
  fetch->started = true;
  struct real_client *client = mem_zalloc(sizeof *client);
  client->client.fetch = base;
  client->loop = fetch->loop;
  client->options = *options;
  client->options.tls_ca = copy(options->tls_ca);
  client->options.tls_certificate = copy(options->tls_certificate);
  client->options.tls_key = copy(options->tls_key);
  client->timer = loop_timer_new(fetch->loop, on_timer, client);
  client->multi = curl_multi_init();
  if (client->multi == NULL) abort();
  long connections = (long)options->connections_max;
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
  curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
  curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections);
  return &client->client;
}

static void real_client_free(struct fetch_client *base) {
  struct real_client *client = (struct real_client *)base;
  while (client->calls != NULL) call_free(client->calls);
  curl_multi_cleanup(client->multi); /* takes its watches away */
  loop_timer_free(client->timer);
  free((void *)client->options.tls_ca);
  free((void *)client->options.tls_certificate);
  free((void *)client->options.tls_key);
  free(client);
}

static void set_tls(CURL *easy, const struct fetch_options *options) {
  must(curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
  must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options->tls_verify ? 1L : 0L));
  must(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options->tls_verify ? 2L : 0L));
  if (options->tls_ca != NULL) {
    must(curl_easy_setopt(easy, CURLOPT_CAINFO, options->tls_ca));
    must(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
  }
  if (options->tls_certificate != NULL)
    must(curl_easy_setopt(easy, CURLOPT_SSLCERT, options->tls_certificate));
  if (options->tls_key != NULL) must(curl_easy_setopt(easy, CURLOPT_SSLKEY, options->tls_key));
}

static void set_request(struct real_call *call, const struct fetch_request *request) {
  CURL *easy = call->easy;
  for (size_t i = 0; i < request->n_headers; i++)
    call->headers = curl_slist_append(call->headers, request->headers[i]);
  /* Waiting to be told to go on costs a second with servers that do not know of it. */
  call->headers = curl_slist_append(call->headers, "Expect:");
  must(curl_easy_setopt(easy, CURLOPT_URL, request->url));
  if (request->body.data != NULL) {
    must(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len));
    must(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data));
  }
  must(curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method));
  must(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers));
  must(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout_us / 1000)));
}

static struct fetch_call *real_start(struct fetch_client *base, const struct fetch_request *request,
                                     fetch_fn *fn, void *arg) {
  struct real_client *client = (struct real_client *)base;
  struct real_call *call = mem_zalloc(sizeof *call);
  call->call.fetch = base->fetch;
  call->client = client;
  call->fn = fn;
  call->arg = arg;
  call->timeout_us = request->timeout_us;
  call->body_bytes_max = request->body_bytes_max;
  if (fetch_peer(request->url, call->peer, NULL) != 0) abort(); /* the caller has asked before */
  CURL *easy = call->easy = curl_easy_init();
  if (easy == NULL) abort();
  must(curl_easy_setopt(easy, CURLOPT_PRIVATE, call));
  must(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_text));
  must(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
  /* Else whoever ends a request waits for its host name to be found. */
  must(curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
  must(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket_new));
  must(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
  must(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
  must(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
  must(curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L));
  must(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                        (long)(client->options.connect_timeout_us / 1000)));
  must(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
  must(curl_easy_setopt(easy, CURLOPT_HEADERDATA, call));
  must(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
  must(curl_easy_setopt(easy, CURLOPT_WRITEDATA, call));
  set_tls(easy, &client->options);
  set_request(call, request);
  call->next = client->calls;
  if (call->next != NULL) call->next->prev = call;
  client->calls = call;
  /* It starts with a timer of no length: nothing is answered before we return. */
  if (curl_multi_add_handle(client->multi, easy) != CURLM_OK) abort();
  return &call->call;
}

static void real_cancel(struct fetch_call *call) {
  call_free((struct real_call *)call);
}

static void real_free(struct fetch *base) {
  struct real_fetch *fetch = (struct real_fetch *)base;
  if (fetch->started) curl_global_cleanup();
  free(fetch);
}

static const struct fetch_ops real_ops = {.client_new = real_client_new,
                                          .client_free = real_client_free,
                                          .start = real_start,
                                          .cancel = real_cancel,
                                          .free = real_free};

struct fetch *fetch_real_new(struct loop *loop) {
  struct real_fetch *fetch = mem_zalloc(sizeof *fetch);
  fetch->fetch.ops = &real_ops;
  fetch->loop = loop;
  return &fetch->fetch;
}
