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
	tests/flow/041-merge-sources/pipeline.yaml \
	tests/flow/050-dedup-first/pipeline.yaml \
	tests/flow/051-dedup-last/pipeline.yaml \
	tests/flow/060-window-tumbling/pipeline.yaml \
	tests/flow/061-window-hopping/pipeline.yaml \
	tests/flow/062-window-late/pipeline.yaml \
	tests/flow/063-window-corrections/pipeline.yaml \
	tests/flow/064-on-late-stop/test.py \
	tests/flow/070-time-formats/pipeline.yaml \
	tests/flow/071-time-missing/pipeline.yaml \
	tests/flow/080-raw/pipeline.yaml \
	tests/flow/081-gzip-glob/pipeline.yaml \
	tests/flow/082-sequential/pipeline.yaml \
	tests/flow/090-path-template/pipeline.yaml \
	tests/flow/091-stdin/pipeline.yaml \
	tests/flow/092-socket/test.py \
	tests/flow/093-exec/test.py \
	tests/flow/100-on-error-stop/test.py \
	tests/flow/101-on-error-stop-transform/test.py \
	tests/flow/102-on-error-drop/pipeline.yaml \
	tests/flow/110-bad-json/pipeline.yaml \
	tests/flow/111-long-lines/pipeline.yaml \
	tests/flow/112-numbers/pipeline.yaml \
	tests/flow/120-line-beyond-all/test.py \
	tests/flow/121-window-early/test.py \
	tests/flow/122-delivery/test.py \
	tests/flow/123-rotation/test.py \
	tests/flow/200-billing/test.py \
	tests/flow/300-full-disk/test.py \
	tests/flow/301-unwritable-output/test.py \
	tests/flow/302-read-only-state/test.py \
	tests/flow/303-state-folder/test.py \
	tests/flow/304-changed-input/test.py \
	tests/flow/320-several-pipelines/test.py \
	tests/flow/330-port-in-use/test.py \
	tests/flow/331-full-disk-http/test.py \
	tests/flow/332-log-removed/test.py \
	tests/flow/333-reload-storm/test.py \
	tests/flow/400-signals/test.py \
	tests/flow/410-service/test.py \
	tests/flow/420-tail/test.py \
	tests/flow/421-tail-system/test.py \
	tests/flow/430-http/test.py \
	tests/flow/431-http-kill/test.py \
	tests/flow/440-reload/test.py \
	tests/flow/441-reload-connections/test.py \
	tests/flow/500-http-sink/test.py \
	tests/flow/510-admin/test.py \
	tests/flow/511-tap/test.py \
	examples/sink-blackhole.yaml \
	examples/sink-file.yaml \
	examples/sink-stdout.yaml \
	examples/source-exec.yaml \
	examples/source-file.yaml \
	examples/source-file-tail.yaml \
	examples/source-generate.yaml \
	examples/source-socket.yaml \
	examples/source-stdin.yaml \
	examples/transform-dedup.yaml \
	examples/transform-filter.yaml \
	examples/transform-map.yaml \
	examples/transform-merge.yaml \
	examples/transform-route.yaml \
	examples/transform-window.yaml
