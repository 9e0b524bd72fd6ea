exampledir = $(docdir)/examples
dist_example_DATA = examples/billing.yaml
exampledatadir = $(exampledir)/data
dist_exampledata_DATA = examples/data/orders.ndjson
EXTRA_DIST += examples/quickstart.sh
dist_example_DATA += \
	examples/sink-blackhole.yaml \
	examples/sink-file.yaml \
	examples/sink-http.yaml \
	examples/sink-kafka.yaml \
	examples/sink-stdout.yaml \
	examples/source-exec.yaml \
	examples/source-file.yaml \
	examples/source-file-tail.yaml \
	examples/source-generate.yaml \
	examples/source-socket.yaml \
	examples/source-http.yaml \
	examples/source-kafka.yaml \
	examples/source-stdin.yaml \
	examples/transform-dedup.yaml \
	examples/transform-filter.yaml \
	examples/transform-map.yaml \
	examples/transform-merge.yaml \
	examples/transform-route.yaml \
	examples/transform-window.yaml
exampleprometheusdir = $(exampledir)/prometheus
dist_exampleprometheus_DATA = examples/prometheus/prometheus.yaml examples/prometheus/tidemark.rules.yaml \
	examples/prometheus/tidemark.rules.test.yaml
examplegrafanadir = $(exampledir)/grafana
dist_examplegrafana_DATA = examples/grafana/tidemark.json
