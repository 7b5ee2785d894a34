// Writes the golden files of Kafka's messages and headers (tests/golden/README.md has the format).
// Run once per Kafka release, newest first: a file that INDEX.txt already lists is left alone, so an
// older release only adds the versions that the newer one dropped.
// Usage: java -cp <classes>:<jars of one release> GoldenMessages <release> <output folder>

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

public final class GoldenMessages {
  private static final int[] API_KEYS_ABOVE_51 = {56, 57, 60, 61, 65, 66, 68, 69, 71, 72, 74, 75};
  private static final String[] RECORDS = {
    "OffsetCommitKey", "OffsetCommitValue", "GroupMetadataKey", "GroupMetadataValue",
    "ConsumerProtocolSubscription", "ConsumerProtocolAssignment"
  };
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final String release;
  private final Path root;
  private final Set<String> listed = new HashSet<>();
  private final List<String> added = new ArrayList<>();

  private GoldenMessages(String release, Path root) {
    this.release = release;
    this.root = root;
  }

  public static void main(String[] arguments) throws Exception {
    GoldenMessages golden = new GoldenMessages(arguments[0], Path.of(arguments[1]));
    golden.readIndex();
    for (int key = 0; key <= 51; key++) golden.writeApi(key);
    for (int key : API_KEYS_ABOVE_51) golden.writeApi(key);
    golden.writeHeader("RequestHeader");
    golden.writeHeader("ResponseHeader");
    // 3.9 calls the types of keys versions; the newer release has everything that the older one has.
    if (!golden.release.startsWith("3.")) {
      for (String name : RECORDS) golden.writeRecord(name);
    }
    golden.writeIndex();
  }

  /** The class name that Kafka derives from an API: LIST_OFFSETS (its name: "ListOffsets"). */
  private static String nameOf(int apiKey) {
    return ApiMessageType.fromApiKey((short) apiKey).name;
  }

  private void writeApi(int apiKey) throws Exception {
    String name = nameOf(apiKey);
    for (String kind : new String[] {"request", "response"}) {
      String suffix = kind.equals("request") ? "Request" : "Response";
      MessageSpec spec = MessageSpec.load(name + suffix);
      // A dropped API still has its request spec, with no versions; its response has no version either.
      if (spec == null || spec.versions.equals(MessageSpec.Versions.NONE)) continue;
      for (int v = spec.versions.lowest(); v <= spec.versions.highest(); v++) {
        writeFile(spec, apiKey + " " + name + " " + kind, v, name + "/" + kind);
      }
    }
  }

  private void writeHeader(String name) throws Exception {
    MessageSpec spec = MessageSpec.load(name);
    for (int v = spec.versions.lowest(); v <= spec.versions.highest(); v++) {
      writeFile(spec, "- " + name + " header", v, "headers/" + name);
    }
  }

  /** A key or value of an internal topic, or what travels inside of a request. */
  private void writeRecord(String name) throws Exception {
    MessageSpec spec = MessageSpec.load(name);
    for (int v = spec.versions.lowest(); v <= spec.versions.highest(); v++) {
      writeFile(spec, "- " + name + " record", v, "internal/" + name);
    }
  }

  private static Class<?> classOf(String name) throws ClassNotFoundException {
    String[] candidates = {
      "org.apache.kafka.common.message." + name + "Data",
      "org.apache.kafka.common.message." + name,
      "org.apache.kafka.coordinator.group.generated." + name
    };
    for (String candidate : candidates) {
      try {
        return Class.forName(candidate);
      } catch (ClassNotFoundException e) {
        // The next one, then.
      }
    }
    throw new ClassNotFoundException(name);
  }

  private void writeFile(MessageSpec spec, String label, int version, String path) throws Exception {
    // Listed by key, kind and version: an API may have been renamed between two releases.
    String[] words = label.split(" ");
    String identity = words[0] + " " + (words[0].equals("-") ? words[1] : words[2]) + " " + version;
    if (!listed.add(identity)) return;
    Class<?> type = classOf(spec.name);
    List<Plan> plans = Plan.all(spec, version);
    StringBuilder text = new StringBuilder();
    text.append("# Apache Kafka ").append(release).append(", ").append(spec.name);
    text.append(" version ").append(version).append('\n');
    for (int i = 0; i < plans.size(); i++) {
      String seed = spec.name + " " + version + " " + i;
      Message message = new InstanceMaker(plans.get(i), version, seed).make(type, spec);
      if (i > 0) text.append('\n');
      text.append("hex ").append(hex(encode(message, (short) version))).append('\n');
      text.append("json ").append(json(message, (short) version)).append('\n');
    }
    write(path + "-v" + version + ".txt", text);
    added.add(label + " " + version + " " + release + " " + plans.size());
    boolean newest = version == spec.versions.highest();
    if (newest && spec.flexible.contains(version)) writeUnknownTags(spec, type, version);
  }

  /** Two instances with tagged fields that no schema knows, each with the bytes without them too. */
  private void writeUnknownTags(MessageSpec spec, Class<?> type, int version) throws Exception {
    StringBuilder text = new StringBuilder();
    text.append("# Apache Kafka ").append(release).append(", ").append(spec.name);
    text.append(" version ").append(version).append(", unknown tagged fields\n");
    for (int i = 0; i < 2; i++) {
      String seed = spec.name + " " + version + " unknown tags " + i;
      InstanceMaker maker = new InstanceMaker(Plan.withUnknownTags(), version, seed);
      Message message = maker.make(type, spec);
      if (i > 0) text.append('\n');
      text.append("hex ").append(hex(encode(message, (short) version))).append('\n');
      maker.forgetUnknownTags();
      text.append("known ").append(hex(encode(message, (short) version))).append('\n');
      text.append("json ").append(json(message, (short) version)).append('\n');
    }
    write("unknown-tags/" + spec.name + "-v" + version + ".txt", text);
  }

  private void write(String path, CharSequence text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /** The body's bytes; fails unless Kafka itself reads the same message back from all of them. */
  private static byte[] encode(Message message, short version) throws Exception {
    ObjectSerializationCache cache = new ObjectSerializationCache();
    ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
    message.write(new ByteBufferAccessor(buffer), cache, version);
    if (buffer.hasRemaining()) throw new IllegalStateException("size and write disagree");
    Message copy = message.getClass().getDeclaredConstructor().newInstance();
    ByteBuffer written = ByteBuffer.wrap(buffer.array());
    copy.read(new ByteBufferAccessor(written), version);
    if (written.hasRemaining()) throw new IllegalStateException("bytes left over in " + message);
    if (!copy.equals(message)) throw new IllegalStateException(copy + " is not " + message);
    return buffer.array();
  }

  private static String json(Message message, short version) throws Exception {
    Class<?> type = message.getClass();
    Class<?> converter = Class.forName(type.getName() + "JsonConverter");
    Method write = converter.getMethod("write", type, short.class, boolean.class);
    JsonNode node = (JsonNode) write.invoke(null, message, version, false);
    return MAPPER.writeValueAsString(node);
  }

  static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder(2 * bytes.length);
    for (byte b : bytes) {
      text.append(Character.forDigit((b >> 4) & 15, 16)).append(Character.forDigit(b & 15, 16));
    }
    return text.toString();
  }

  private void readIndex() throws IOException {
    Path index = root.resolve("INDEX.txt");
    if (!Files.exists(index)) return;
    for (String line : Files.readAllLines(index)) {
      added.add(line);
      if (line.startsWith("#")) continue;
      String[] words = line.split(" ");
      listed.add(words[0] + " " + (words[0].equals("-") ? words[1] : words[2]) + " " + words[3]);
    }
  }

  private void writeIndex() throws IOException {
    if (!added.get(0).startsWith("#")) {
      added.add(0, "# api key, name, kind, version, Kafka release, instances");
    }
    Files.writeString(root.resolve("INDEX.txt"), String.join("\n", added) + "\n");
  }
}
