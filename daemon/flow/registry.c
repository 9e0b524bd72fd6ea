/* registry: the tables of plugins, made from one .def file per kind, and what the configuration
 * needs to know of them. */
#include "daemon/flow/common_options.h"
#include "daemon/flow/plugin.h"

#define SOURCE(name) extern const struct source_plugin source_##name;
#include "sources/sources.def"
#undef SOURCE
#define TRANSFORM(name) extern const struct transform_plugin transform_##name;
#include "transforms/transforms.def"
#undef TRANSFORM
#define SINK(name) extern const struct sink_plugin sink_##name;
#include "sinks/sinks.def"
#undef SINK

#define SOURCE(name) &source_##name,
static const struct source_plugin *const sources[] = {
#include "sources/sources.def"
    NULL};
#define TRANSFORM(name) &transform_##name,
static const struct transform_plugin *const transforms[] = {
#include "transforms/transforms.def"
    NULL};
#define SINK(name) &sink_##name,
static const struct sink_plugin *const sinks[] = {
#include "sinks/sinks.def"
    NULL};
#undef SOURCE
#undef TRANSFORM
#undef SINK

#define SOURCE(name) &source_##name.type,
static const struct component_type *const source_types[] = {
#include "sources/sources.def"
    NULL};
#define TRANSFORM(name) &transform_##name.type,
static const struct component_type *const transform_types[] = {
#include "transforms/transforms.def"
    NULL};
#define SINK(name) &sink_##name.type,
static const struct component_type *const sink_types[] = {
#include "sinks/sinks.def"
    NULL};

static const struct component_catalog catalog = {
    .types = {source_types, transform_types, sink_types},
    .common = {source_common_options, transform_common_options, sink_common_options},
    .common_bytes = {sizeof(struct source_common), sizeof(struct transform_common),
                     sizeof(struct sink_common)},
};

const struct source_plugin *const *registry_sources(void) {
  return sources;
}

const struct transform_plugin *const *registry_transforms(void) {
  return transforms;
}

const struct sink_plugin *const *registry_sinks(void) {
  return sinks;
}

const struct component_catalog *registry_catalog(void) {
  return &catalog;
}
