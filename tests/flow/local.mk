# Cases of whole pipelines, and the examples: tests/flow/run.py says what is done with each.
TEST_EXTENSIONS = .yaml .py
YAML_LOG_COMPILER = python3 $(srcdir)/tests/flow/run.py
PY_LOG_COMPILER = python3 $(srcdir)/tests/flow/run.py
EXTRA_DIST += tests/flow
TESTS += \
	tests/flow/010-filter/pipeline.yaml \
	tests/flow/011-filter-errors/pipeline.yaml \
	tests/flow/020-map-select/pipeline.yaml \
	tests/flow/021-map-set/pipeline.yaml \
	tests/flow/030-route-first/pipeline.yaml \
	tests/flow/031-route-all/pipeline.yaml \
	tests/flow/040-merge-own-copies/pipeline.yaml \
	tests/flow/041-merge-sources/pipeline.yaml
