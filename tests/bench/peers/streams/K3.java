/* K3: the job k3 for Kafka Streams, in its own DSL: event time, tumbling windows of 60 s by user with 5 s of grace,
 * count, sum and max, exactly once. It ends when it has taken RECORDS records and committed what came of them.
 *
 *     K3 BROKERS IN OUT RECORDS STATE-FOLDER final|updates
 *
 * final: one row when a window has closed; updates: a row for each change, nothing held back by the cache. With updates
 * a row has the time at which the newest of its records was sent, for measuring how long it was under way. */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

public class K3 {
  static final ObjectMapper JSON = new ObjectMapper();

  static final class Sum {
    long requests, tokens, sent;
    double slowest;

    byte[] bytes() {
      return (requests + " " + tokens + " " + slowest + " " + sent).getBytes(StandardCharsets.UTF_8);
    }

    static Sum of(byte[] bytes) {
      String[] parts = new String(bytes, StandardCharsets.UTF_8).split(" ");
      Sum sum = new Sum();
      sum.requests = Long.parseLong(parts[0]);
      sum.tokens = Long.parseLong(parts[1]);
      sum.slowest = Double.parseDouble(parts[2]);
      sum.sent = Long.parseLong(parts[3]);
      return sum;
    }
  }

  static JsonNode parse(byte[] bytes) {
    try {
      return JSON.readTree(bytes);
    } catch (java.io.IOException broken) {
      throw new IllegalStateException(broken);
    }
  }

  public static void main(String[] args) throws Exception {
    long wanted = Long.parseLong(args[3]);
    boolean updates = args[5].equals("updates");
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "k3-streams-" + args[2]);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    if (updates) settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put("auto.offset.reset", "earliest");
    AtomicLong taken = new AtomicLong();
    Serde<Sum> sums = Serdes.serdeFrom((Serializer<Sum>) (topic, sum) -> sum == null ? null : sum.bytes(),
        (Deserializer<Sum>) (topic, bytes) -> bytes == null ? null : Sum.of(bytes));
    Serde<JsonNode> records =
        Serdes.serdeFrom((Serializer<JsonNode>) (topic, node) -> node.toString().getBytes(StandardCharsets.UTF_8),
            (Deserializer<JsonNode>) (topic, bytes) -> bytes == null ? null : parse(bytes));

    StreamsBuilder builder = new StreamsBuilder();
    KTable<Windowed<String>, Sum> table =
        builder
            .stream(args[1], Consumed.with(Serdes.String(), records)
                .withTimestampExtractor((record, before) -> ((JsonNode) record.value()).get("ts").asLong()))
            .peek((key, value) -> taken.incrementAndGet())
            .groupByKey(Grouped.with(Serdes.String(), records))
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(60), Duration.ofSeconds(5)))
            .aggregate(Sum::new, (user, record, sum) -> {
              sum.requests++;
              sum.tokens += record.at("/tokens/prompt").asLong() + record.at("/tokens/completion").asLong();
              sum.slowest = Math.max(sum.slowest, record.get("latency_ms").asDouble());
              JsonNode sent = record.get("sent");
              if (sent != null) sum.sent = Math.max(sum.sent, sent.asLong());
              return sum;
            }, Materialized.with(Serdes.String(), sums));
    if (!updates)
      table = table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
    table.toStream()
        .map((key, sum) -> org.apache.kafka.streams.KeyValue.pair(key.key(),
            ("{\"user_id\":\"" + key.key() + "\",\"window_start\":" + key.window().start() + ",\"requests\":"
                + sum.requests + ",\"tokens\":" + sum.tokens + ",\"slowest\":" + sum.slowest + ",\"sent\":" + sum.sent
                + "}")
                .getBytes(StandardCharsets.UTF_8)))
        .to(args[2], Produced.with(Serdes.String(), Serdes.ByteArray()));

    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.start();
    while (taken.get() < wanted && streams.state() != KafkaStreams.State.ERROR) Thread.sleep(5);
    if (streams.state() == KafkaStreams.State.ERROR) System.exit(1);
    System.out.println("taken " + taken.get());
    System.out.flush();
    streams.close(Duration.ofSeconds(30));
  }
}
