"""A scrape by the official parsers, to JSON: parse.py prometheus|openmetrics <scrape. Of each sample: name, labels,
value, and the type of its family."""
import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

families = {"prometheus": parser, "openmetrics": openmetrics_parser}[sys.argv[1]].text_string_to_metric_families
json.dump([[sample.name, sample.labels, sample.value, family.type, family.unit]
           for family in families(sys.stdin.read()) for sample in family.samples], sys.stdout)
