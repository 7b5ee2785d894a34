// What kind of values one golden instance gets, and the list of instances that a message version has.

import java.util.ArrayList;
import java.util.List;

final class Plan {
  enum Kind {
    defaults, // a new object, untouched
    ordinary, // plain values; everything set, tagged fields too
    extreme, // ends of the ranges, long and non-ASCII strings, null wherever it is allowed
    mixed, // each choice drawn: null or not, tagged or not, empty or not
    long_array, // one array with 128 elements, the rest small
    long_string, // the first string or bytes field has a length that takes three bytes
    unknown_tags // as ordinary, and each struct may carry tagged fields that no schema knows
  }

  final Kind kind;

  /** The array to fill (long_array only): field names from the top, the last one is the array. */
  final List<String> path;

  private Plan(Kind kind, List<String> path) {
    this.kind = kind;
    this.path = path;
  }

  static Plan withUnknownTags() {
    return new Plan(Kind.unknown_tags, null);
  }

  /** The instances of the main file of this version. */
  static List<Plan> all(MessageSpec spec, int version) {
    List<Plan> plans = new ArrayList<>();
    plans.add(new Plan(Kind.defaults, null));
    if (spec.fields.stream().noneMatch(field -> field.versions().contains(version))) {
      // A message without fields: every instance is the same; three of them all the same.
      plans.add(new Plan(Kind.ordinary, null));
      plans.add(new Plan(Kind.extreme, null));
      return plans;
    }
    plans.add(new Plan(Kind.ordinary, null));
    plans.add(new Plan(Kind.extreme, null));
    plans.add(new Plan(Kind.mixed, null));
    plans.add(new Plan(Kind.mixed, null));
    addLongArrays(spec.fields, spec.versions.highest(), version, new ArrayList<>(), plans);
    boolean newest = version == spec.versions.highest();
    if (newest && (spec.name.equals("MetadataRequest") || spec.name.startsWith("SaslAuth"))) {
      plans.add(new Plan(Kind.long_string, null));
    }
    return plans;
  }

  /** Each array once, in the newest version that has it. Schemas nest at most five deep. */
  private static void addLongArrays(
      List<MessageSpec.Field> fields, int newest, int version, List<String> at, List<Plan> plans) {
    for (MessageSpec.Field field : fields) {
      if (!field.versions().contains(version)) continue;
      at.add(field.name());
      int last = Math.min(newest, field.versions().highest());
      if (field.array() && last == version) {
        plans.add(new Plan(Kind.long_array, List.copyOf(at)));
      }
      if (field.fields() != null) addLongArrays(field.fields(), last, version, at, plans);
      at.remove(at.size() - 1);
    }
  }
}
