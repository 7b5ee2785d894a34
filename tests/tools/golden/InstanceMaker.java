// Makes one instance of a generated Kafka message class: walks the message's spec for the version and
// calls the class's setters with values that the plan and a seeded generator choose.

import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.RawTaggedField;

final class InstanceMaker {
  private static final int LONG_ARRAY_ELEMENTS = 128;

  private final Plan plan;
  private final int version;
  private final Values values;
  private final List<Message> withUnknownTags = new ArrayList<>();
  private boolean longStringGiven = false;

  InstanceMaker(Plan plan, int version, String seed) {
    this.plan = plan;
    this.version = version;
    this.values = new Values(seed);
  }

  Message make(Class<?> type, MessageSpec spec) throws ReflectiveOperationException {
    if (plan.kind != Plan.Kind.defaults) return struct(type, spec.fields, 0);
    Message message = (Message) type.getDeclaredConstructor().newInstance();
    for (MessageSpec.Field field : spec.fields) {
      boolean illegalNull = field.defaultsToNull() && !field.nullable().contains(version);
      if (field.versions().contains(version) && illegalNull) {
        // The class starts with null, but this version of the message can't carry it.
        Method setter = setter(type, field.name());
        setter.invoke(message, field.array() ? emptyArray(setter) : values.empty(field.type()));
      }
    }
    return message;
  }

  /** @param depth how deep the struct lies; along plan.path while long_array, -1 when off that path */
  private Message struct(Class<?> type, List<MessageSpec.Field> fields, int depth)
      throws ReflectiveOperationException {
    Message message = (Message) type.getDeclaredConstructor().newInstance();
    for (MessageSpec.Field field : fields) {
      if (!field.versions().contains(version)) continue;
      boolean onPath = isOnPath(field, depth);
      if (!onPath && stays(field)) continue;
      Method setter = setter(type, field.name());
      Object value = null;
      if (onPath || !becomesNull(field)) value = value(setter, field, onPath ? depth + 1 : -1);
      setter.invoke(message, value);
    }
    if (plan.kind == Plan.Kind.unknown_tags) addUnknownTags(message, depth == 0);
    return message;
  }

  /** Up to three tagged fields with ascending tags above all known ones, their data at random. */
  private void addUnknownTags(Message message, boolean top) {
    int tag = 50;
    for (int i = values.below(3) + (top ? 1 : 0); i > 0; i--) {
      tag += values.below(100);
      message.unknownTaggedFields().add(new RawTaggedField(tag, values.bytes(values.below(5))));
      withUnknownTags.add(message);
      tag = 2 * tag + 1;
    }
  }

  /** Takes away what addUnknownTags put in: what remains is what a reader that skips them has. */
  void forgetUnknownTags() {
    for (Message message : withUnknownTags) message.unknownTaggedFields().clear();
  }

  private boolean isOnPath(MessageSpec.Field field, int depth) {
    return plan.kind == Plan.Kind.long_array
        && depth >= 0
        && depth < plan.path.size()
        && plan.path.get(depth).equals(field.name());
  }

  /** True for a tagged field that keeps its default and so isn't written. */
  private boolean stays(MessageSpec.Field field) {
    if (!field.tagged().contains(version)) return false;
    return switch (plan.kind) {
      case ordinary, unknown_tags -> false;
      case extreme, mixed -> values.chance(2);
      default -> true;
    };
  }

  private boolean becomesNull(MessageSpec.Field field) {
    if (!field.nullable().contains(version)) return false;
    return switch (plan.kind) {
      case ordinary, unknown_tags -> false;
      case extreme -> true;
      default -> values.chance(3);
    };
  }

  private Object value(Method setter, MessageSpec.Field field, int depth)
      throws ReflectiveOperationException {
    Class<?> parameter = setter.getParameterTypes()[0];
    if (!field.array()) return single(parameter, field, depth);
    int count = elements(field, depth);
    Collection<Object> array = emptyArray(setter);
    Class<?> element = field.fields() == null ? null : elementType(setter);
    // While on the path the array's only element goes on; the elements of the long array don't.
    int elementDepth = depth >= 0 && depth < plan.path.size() ? depth : -1;
    for (int i = 0; i < count; i++) array.add(single(element, field, elementDepth));
    return array;
  }

  private int elements(MessageSpec.Field field, int depth) {
    return switch (plan.kind) {
      case ordinary, unknown_tags -> 1 + values.below(2);
      case extreme -> field.fields() == null ? 4 : 1;
      case mixed -> values.chance(6) ? 0 : 1 + values.below(3);
      case long_array -> depth < 0 ? 0 : depth == plan.path.size() ? LONG_ARRAY_ELEMENTS : 1;
      default -> 1;
    };
  }

  private Object single(Class<?> type, MessageSpec.Field field, int depth)
      throws ReflectiveOperationException {
    if (field.fields() != null) return struct(type, field.fields(), depth);
    boolean lengthy = field.type().equals("string") || field.type().equals("bytes");
    if (plan.kind == Plan.Kind.long_string && lengthy && !longStringGiven) {
      longStringGiven = true;
      return values.lengthy(field.type(), type);
    }
    return values.make(field.type(), type, plan.kind);
  }

  private static Method setter(Class<?> type, String field) {
    for (Method method : type.getMethods()) {
      if (method.getName().equalsIgnoreCase("set" + field)) return method;
    }
    throw new IllegalStateException("no setter for " + field + " in " + type);
  }

  /** A list, or the collection class that Kafka generates for an array with a key. */
  @SuppressWarnings("unchecked")
  private static Collection<Object> emptyArray(Method setter) throws ReflectiveOperationException {
    Class<?> parameter = setter.getParameterTypes()[0];
    if (parameter == List.class) return new ArrayList<>();
    return (Collection<Object>) parameter.getDeclaredConstructor().newInstance();
  }

  private static Class<?> elementType(Method setter) {
    if (setter.getGenericParameterTypes()[0] instanceof ParameterizedType list) {
      return (Class<?>) list.getActualTypeArguments()[0];
    }
    Class<?> collection = setter.getParameterTypes()[0];
    ParameterizedType base = (ParameterizedType) collection.getGenericSuperclass();
    return (Class<?>) base.getActualTypeArguments()[0];
  }
}
