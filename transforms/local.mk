libtidemark_a_SOURCES += \
	transforms/columns.c transforms/columns.h \
	transforms/dedup/dedup.c transforms/dedup/dedup.h \
	transforms/dedup/first.c \
	transforms/dedup/last.c \
	transforms/filter.c \
	transforms/keys.c transforms/keys.h \
	transforms/map.c \
	transforms/merge.c \
	transforms/route.c \
	transforms/transforms.def transforms/transforms.h
EXTRA_DIST += transforms/README.md
