import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of consumer groups, as a program: ADDRESS SESSION_MS INSTANCE GROUP=ASSIGNOR=TOPIC... (INSTANCE "-": none; TOPIC "~...": an
 * expression). What it prints is told in group_life.py.
 */
public final class GroupMember {
    private static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void tellAll(String kind, String group, Collection<TopicPartition> places) {
        long now = System.currentTimeMillis();
        for (TopicPartition place : places) tell(kind + " " + group + " " + place.topic() + " " + place.partition() + " " + now);
    }

    private static final class Member extends Thread {
        private final String group;
        private final String topic;
        private final KafkaConsumer<byte[], byte[]> consumer;
        private volatile boolean ends = false;

        Member(String address, String sessionMs, String instance, String[] words) {
            group = words[0];
            topic = words[2];
            Properties options = new Properties();
            options.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, address);
            options.put(ConsumerConfig.GROUP_ID_CONFIG, group);
            options.put(ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, "org.apache.kafka.clients.consumer." + words[1]);
            options.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, sessionMs);
            options.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, "1000");
            options.put(ConsumerConfig.AUTO_COMMIT_INTERVAL_MS_CONFIG, "500");
            options.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
            options.put(ConsumerConfig.METADATA_MAX_AGE_CONFIG, "1000");
            if (!instance.equals("-")) options.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, instance);
            consumer = new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        private final class Listener implements ConsumerRebalanceListener {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> places) {
                tellAll("+", group, places);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> places) {
                tellAll("-", group, places);
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> places) {
                tellAll("-", group, places);
            }
        }

        @Override
        public void run() {
            if (topic.startsWith("~")) {
                consumer.subscribe(Pattern.compile(topic.substring(1)), new Listener());
            } else {
                consumer.subscribe(List.of(topic), new Listener());
            }
            try {
                while (!ends) {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                        tell("r " + group + " " + record.topic() + " " + record.partition() + " " + record.offset());
                    }
                }
            } catch (WakeupException asked) {
                tell("ends " + group);
            } catch (RuntimeException failure) {
                tell("Exception of " + group + ": " + failure);
            }
            consumer.close();
        }

        void end() throws InterruptedException {
            ends = true;
            consumer.wakeup();
            join();
        }
    }

    public static void main(String[] words) {
        List<Member> members = new ArrayList<>();
        for (int i = 3; i < words.length; ++i) members.add(new Member(words[0], words[1], words[2], words[i].split("=")));
        for (Member member : members) member.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                for (Member member : members) member.end();
            } catch (InterruptedException stopped) {
                tell("Exception: " + stopped);
            }
            Runtime.getRuntime().halt(0);
        }));
        tell("up");
    }
}
