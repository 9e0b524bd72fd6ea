// bare: the least that any program with simdjson must do for a workload: read the file in blocks
// and look at the fields it needs, line by line, in one pass forward. No log, no state, no output
// but a sum that keeps the optimiser from leaving the work out.
//
//     bare w1|w2|w3|w4 FILE
#include <simdjson.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <unistd.h>

namespace {

namespace od = simdjson::ondemand;

constexpr size_t block_bytes = 256 * 1024;

struct total {
  uint64_t lines = 0, hits = 0, sum = 0;
  double latency = 0;
};

// The fields in the order in which they stand in a line, which is the cheapest way to ask for them.

void filter(od::object &line, total &all) {
  if (int64_t(line.find_field("status")) >= 500) all.hits++;
}

void map(od::object &line, total &all) {
  std::string_view user = line.find_field("user_id"), path = line.find_field("path");
  if (int64_t(line.find_field("status")) < 400) return;
  all.latency += double(line.find_field("latency_ms"));
  od::object tokens = line.find_field("tokens");
  all.sum += uint64_t(tokens.find_field("prompt"));
  all.sum += uint64_t(tokens.find_field("completion"));
  std::string_view plan = line.find_field("client").find_field("plan");
  all.sum += user.size() + path.size() + plan.size();
  all.hits++;
}

void window(od::object &line, total &all) {
  all.sum += uint64_t(line.find_field("ts"));
  std::string_view user = line.find_field("user_id");
  all.latency += double(line.find_field("latency_ms"));
  od::object tokens = line.find_field("tokens");
  all.sum += uint64_t(tokens.find_field("prompt"));
  all.sum += uint64_t(tokens.find_field("completion"));
  all.sum += user.size();
}

void dedup(od::object &line, total &all) {
  std::string_view id = line.find_field("request_id");
  all.sum += uint64_t(line.find_field("ts")) + id.size();
}

template <void (*look)(od::object &, total &)> bool pass(int fd, total &all) {
  auto block = std::make_unique<char[]>(block_bytes + simdjson::SIMDJSON_PADDING);
  od::parser parser;
  size_t held = 0; // the beginning of a line whose end is not read yet
  for (;;) {
    ssize_t got = read(fd, block.get() + held, block_bytes - held);
    if (got <= 0) return got == 0 && held == 0;
    const char *at = block.get(), *end = at + held + got;
    while (const void *newline = memchr(at, '\n', size_t(end - at))) {
      const char *line_end = static_cast<const char *>(newline);
      size_t room = size_t(block.get() + block_bytes + simdjson::SIMDJSON_PADDING - at);
      od::document document = parser.iterate(at, size_t(line_end - at), room);
      od::object object = document.get_object();
      look(object, all);
      all.lines++;
      at = line_end + 1;
    }
    held = size_t(end - at);
    memmove(block.get(), at, held);
    if (held == block_bytes) return false;
  }
}

} // namespace

int main(int argc, char **argv) {
  int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
  if (fd < 0) {
    fputs("usage: bare w1|w2|w3|w4 FILE\n", stderr);
    return 64;
  }
  std::string_view workload = argv[1];
  total all;
  bool done = false;
  try {
    if (workload == "w1") done = pass<filter>(fd, all);
    if (workload == "w2") done = pass<map>(fd, all);
    if (workload == "w3") done = pass<window>(fd, all);
    if (workload == "w4") done = pass<dedup>(fd, all);
  } catch (const simdjson::simdjson_error &error) {
    fprintf(stderr, "bare: line %llu: %s\n", static_cast<unsigned long long>(all.lines + 1),
            error.what());
    return 65;
  }
  printf("%llu lines, %llu hits, sum %llu, %.3f\n", static_cast<unsigned long long>(all.lines),
         static_cast<unsigned long long>(all.hits), static_cast<unsigned long long>(all.sum),
         all.latency);
  return done ? 0 : 74;
}
