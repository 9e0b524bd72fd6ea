libtidemark_a_SOURCES += \
	transforms/columns.c transforms/columns.h \
	transforms/filter.c \
	transforms/map.c \
	transforms/merge.c \
	transforms/route.c \
	transforms/transforms.def transforms/transforms.h
EXTRA_DIST += transforms/README.md
