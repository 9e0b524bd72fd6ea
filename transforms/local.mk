libtidemark_a_SOURCES += \
	transforms/columns.c transforms/columns.h \
	transforms/dedup/dedup.c transforms/dedup/dedup.h \
	transforms/dedup/first.c \
	transforms/dedup/last.c \
	transforms/definition.c transforms/definition.h \
	transforms/filter.c \
	transforms/keys.c transforms/keys.h \
	transforms/map.c \
	transforms/merge.c \
	transforms/route.c \
	transforms/transforms.def transforms/transforms.h \
	transforms/window/aggregate.c transforms/window/aggregate.h \
	transforms/window/aggregate_distinct.c \
	transforms/window/aggregate_pick.c \
	transforms/window/aggregate_sum.c \
	transforms/window/assign.c \
	transforms/window/definition.c \
	transforms/window/emit.c \
	transforms/window/shard.c \
	transforms/window/state.c \
	transforms/window/window.c transforms/window/window.h
EXTRA_DIST += transforms/README.md
