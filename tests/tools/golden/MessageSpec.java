// The description of one message that Kafka ships inside its kafka-clients jar (common/message/*.json):
// which versions have which field, where null is allowed, what travels as a tagged field.
// Read from the class path, so it always belongs to the release whose classes are run.

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

final class MessageSpec {
  /** A range of versions such as "3+", "0-12", "4" or "none"; both ends inclusive. */
  record Versions(int lowest, int highest) {
    static final Versions NONE = new Versions(0, -1);

    static Versions parse(JsonNode node) {
      if (node == null || node.asText().isEmpty() || node.asText().equals("none")) return NONE;
      String text = node.asText();
      if (text.endsWith("+")) {
        return new Versions(Integer.parseInt(text.substring(0, text.length() - 1)), Short.MAX_VALUE);
      }
      String[] ends = text.split("-");
      return new Versions(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]));
    }

    boolean contains(int version) {
      return lowest <= version && version <= highest;
    }
  }

  /** One field; fields is not null for a struct or an array of structs. */
  record Field(
      String name,
      String type,
      boolean array,
      Versions versions,
      Versions nullable,
      Versions tagged,
      boolean defaultsToNull,
      List<Field> fields) {}

  final String name;
  final Versions versions;
  final Versions flexible;
  final List<Field> fields;

  private MessageSpec(JsonNode root) {
    name = root.get("name").asText();
    versions = Versions.parse(root.get("validVersions"));
    flexible = Versions.parse(root.get("flexibleVersions"));
    Map<String, JsonNode> common = new HashMap<>();
    for (JsonNode struct : root.path("commonStructs")) {
      common.put(struct.get("name").asText(), struct.get("fields"));
    }
    fields = readFields(root.path("fields"), common);
  }

  /** The spec called name, for example "FetchRequest", or null if this release has none. */
  static MessageSpec load(String name) throws IOException {
    try (InputStream in = ClassLoader.getSystemResourceAsStream("common/message/" + name + ".json")) {
      if (in == null) return null;
      ObjectMapper mapper = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
      return new MessageSpec(mapper.readTree(in));
    }
  }

  private static List<Field> readFields(JsonNode nodes, Map<String, JsonNode> common) {
    List<Field> result = new ArrayList<>();
    for (JsonNode node : nodes) {
      String type = node.get("type").asText();
      boolean array = type.startsWith("[]");
      String element = array ? type.substring(2) : type;
      JsonNode nested = node.has("fields") ? node.get("fields") : common.get(element);
      result.add(
          new Field(
              node.get("name").asText(),
              element,
              array,
              Versions.parse(node.get("versions")),
              Versions.parse(node.get("nullableVersions")),
              Versions.parse(node.get("taggedVersions")),
              node.path("default").asText("").equals("null"),
              nested == null ? null : readFields(nested, common)));
    }
    return result;
  }
}
